/** A loss of the author's own: a pure traced function that takes the place of an algorithm's. */
import { captureCallSite, describeTensor, GraphError, shown, Tensor, type CallSite } from '../graph/index.ts';

/** What the parameters that are being learnt say about an unroll. */
export interface TargetPolicy {
  /** [T, B, A]. */
  readonly logits: Tensor;
  /** log pi(a_t | x_t), [T, B]. */
  readonly logProbability: Tensor;
  /** V(x_t), [T, B]. */
  readonly values: Tensor;
  /** V(x_T), [B]. Only in the loss of `impala`, which runs the network over the last observation as well. */
  readonly bootstrapValue: Tensor;
}

/** What the parameters that acted said; constants. */
export interface BehaviourPolicy {
  /** [T, B, A]. */
  readonly logits: Tensor;
  /** log mu(a_t | x_t), [T, B]. */
  readonly logProbability: Tensor;
  /** V(x_t), [T, B]. */
  readonly values: Tensor;
}

/** The data; constants. B is `train.batchSize`. */
export interface ObjectiveBatch {
  /** a_t, int64 [T, B]. */
  readonly actions: Tensor;
  /** r_t, the reward of the step from t to t + 1, [T, B]; `impala` clips it as its configuration says. */
  readonly rewards: Tensor;
  /** gamma * (1 - is_first_{t+1}), [T, B]. */
  readonly discounts: Tensor;
  /** True where x_t opens an episode, bool [T, B]. */
  readonly isFirst: Tensor;
  /** Generalised advantages, [T, B]; normalised if the configuration says so. Only in the loss of `ppo`. */
  readonly advantages: Tensor;
  /** Targets of the values, advantage + V(x_t), [T, B]. Only in the loss of `ppo`. */
  readonly returns: Tensor;
}

/** What a loss of your own is computed from, all time first. */
export interface ObjectiveContext {
  readonly target: TargetPolicy;
  readonly behaviour: BehaviourPolicy;
  readonly batch: ObjectiveBatch;
}

/** `loss` is minimised; everything else is reported beside it. All are scalars []. */
export type ObjectiveResult = { readonly loss: Tensor } & Readonly<Record<string, Tensor>>;

/** A loss of your own, made by `objective(name, ...)`. */
export interface Objective {
  readonly name: string;
  readonly compute: (context: ObjectiveContext) => ObjectiveResult;
  /** Where the author declared it. */
  readonly site: CallSite;
}

/**
 * A loss in place of an algorithm's own, for `impala`, `ppo` and `defineRun`. `name` names its graph.
 *
 * @example
 * const loss = objective('policy-gradient', ({ target, batch }) => {
 *   const policy = target.logProbability.mul(batch.advantages).mean().neg();
 *   const baseline = baselineLoss(target.values, batch.returns).mean();
 *   return { loss: policy.add(baseline), policy_loss: policy, baseline_loss: baseline };
 * });
 * @throws GraphError GRAPH_NAME when `name` cannot name a file, GRAPH_ARGUMENT without a function; while tracing, GRAPH_SHAPE when a result is no scalar.
 */
export function objective(name: string, compute: (context: ObjectiveContext) => ObjectiveResult): Objective {
  const site = captureCallSite(objective);
  if (!/^[A-Za-z][\w-]*$/.test(name)) {
    throw new GraphError(
      'GRAPH_NAME',
      `objective: its name must be letters, digits, "-" and "_", got "${name}".`,
      'Choose a name like "my-loss".',
      site,
    );
  }
  if (typeof (compute as unknown) !== 'function') {
    throw new GraphError(
      'GRAPH_ARGUMENT',
      `objective("${name}"): must be given a function, got ${shown(compute)}.`,
      'Write objective(name, ({ target, behaviour, batch }) => ({ loss, ...reported })).',
      site,
    );
  }
  return { name, compute, site };
}

/** Applies an objective inside a trace and checks what it returns. */
export function applyObjective(
  { name, compute, site }: Objective,
  context: ObjectiveContext,
): ObjectiveResult {
  const result = compute(context);
  if (!((result as ObjectiveResult | undefined)?.loss instanceof Tensor)) {
    throw new GraphError(
      'GRAPH_TRACE',
      `objective "${name}": must return { loss, ...reported }, got no tensor under "loss".`,
      'Return { loss: tensor } and, beside it, the scalars that you want to see.',
      site,
    );
  }
  for (const [key, tensor] of Object.entries(result)) {
    if (!(tensor instanceof Tensor)) continue;
    const isScalar = tensor.rank === 0 && (key !== 'loss' || tensor.dtype.includes('float'));
    if (isScalar) continue;
    throw new GraphError(
      'GRAPH_SHAPE',
      `objective "${name}": "${key}" must be a scalar []${key === 'loss' ? ', floating' : ''}, got ${tensor.dtype} [${tensor.shape.join(', ')}], ${describeTensor(tensor)}.`,
      'Reduce it with .mean() or .sum().',
      tensor.origin.site,
    );
  }
  return result;
}

/** An object whose property `name` is refused where it is read: this algorithm does not have it. */
export function withAbsent<T extends object, N extends string>(
  present: T,
  absent: Readonly<Record<N, string>>,
): T & Readonly<Record<N, Tensor>> {
  for (const [name, instead] of Object.entries<string>(absent)) {
    const read = (): never => {
      throw new GraphError(
        'GRAPH_ARGUMENT',
        `objective: "${name}" does not exist in the loss of this algorithm.`,
        instead,
        captureCallSite(read),
      );
    };
    Object.defineProperty(present, name, { get: read });
  }
  return present as T & Readonly<Record<N, Tensor>>;
}
