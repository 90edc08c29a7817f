/** One update: gradients of a traced loss, then the fixed order of transform, clip and optimizer step. */
import type { Binding, OptimizerSpec } from '../../bridge/protocol/messages.ts';
import type { HostTensor } from '../../bridge/client/index.ts';
import type { TrainConfig } from '../config/index.ts';
import {
  checkLoss,
  failedAssertion,
  observationsOf,
  withoutProbes,
  type Graph,
  type Observation,
} from '../graph/index.ts';
import type { GradientTransform } from './gradient-transform.ts';
import { explainAssertion, explainNonFinite } from './numerics.ts';
import type { Session } from './session.ts';

/** A change of some parameters between the gradients of an update and its step. */
export interface Rescaling {
  /** Outputs of the loss graph that stay in the worker, by the handles that they get. */
  readonly store: Readonly<Record<string, string>>;
  /** From parameters to parameters of the same names. */
  readonly parameters: Graph;
  /** From gradients of the former parameters to those of the changed ones. */
  readonly gradients: Graph;
  /** Of both graphs. */
  readonly inputs: Readonly<Record<string, Binding>>;
}

export interface UpdateRequest {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Binding>>;
  readonly tensors?: readonly HostTensor[];
  readonly learningRate: number;
  readonly rescaling?: Rescaling;
}

export interface UpdateResult {
  /** Every output of the loss graph. */
  readonly losses: Readonly<Record<string, number>>;
  readonly gradNorm: number;
  readonly learnSeconds: number;
  /** The part of them behind the backward pass. */
  readonly optimizerSeconds: number;
}

export class Learner {
  readonly set: string;
  readonly optimizer: string;
  /** Updates applied so far: the version of the parameters. */
  version = 0;
  /** Hears what the probes of a loss graph saw, also when the update then fails. */
  onObservations: (observations: readonly Observation[], update: number) => void = () => undefined;
  readonly #session: Session;
  readonly #maxGradNorm: number | null;
  readonly #transform: GradientTransform | null;
  /** By the hash of the loss graph. */
  readonly #transforms = new Map<string, Graph | null>();

  constructor(
    session: Session,
    set: string,
    optimizer: string,
    maxGradNorm: number | null,
    transform?: GradientTransform,
  ) {
    this.#session = session;
    this.set = set;
    this.optimizer = optimizer;
    this.#maxGradNorm = maxGradNorm;
    this.#transform = transform ?? null;
  }

  async create(spec: TrainConfig['optimizer']): Promise<void> {
    await this.#session.call('create_optimizer', {
      optimizer: this.optimizer,
      set: this.set,
      algorithm: optimizerSpec(spec),
    });
  }

  /**
   * Applies one update.
   * @throws SrwmError GRAPH_NO_GRADIENT when the loss depends on no parameter.
   * @throws SrwmError NUMERICS_NONFINITE naming the first value that went wrong and its TypeScript line; the
   * parameters are then those of the former version.
   * @throws SrwmError NUMERICS_ASSERTION naming the tensor of `debug.assertFinite`, likewise.
   */
  async update(request: UpdateRequest): Promise<UpdateResult> {
    const { graph, rescaling } = request;
    const hash = await this.#session.load(graph);
    const transform = this.#transformOf(graph);
    const transformed = rescaling?.gradients ?? transform;
    const transformHash = transformed === null ? null : await this.#session.load(transformed);
    const rescaleHash = rescaling === undefined ? null : await this.#session.load(rescaling.parameters);
    const stays = Object.keys(rescaling?.store ?? {});
    const report = graph.spec.outputs.map(({ name }) => name).filter((name) => !stays.includes(name));
    const inputs = { ...request.inputs };
    // Sent together: the worker answers in order, and the second does not wait for the first's round trip.
    const [accumulated, , applied] = await Promise.all([
      this.#session.call(
        'accumulate',
        {
          graph: hash,
          optimizer: this.optimizer,
          inputs,
          loss: 'loss',
          report,
          ...(rescaling && { store: { ...rescaling.store } }),
        },
        request.tensors,
      ),
      rescaling &&
        this.#session.call('assign', {
          into: this.set,
          set: this.set,
          graph: rescaleHash,
          inputs: { ...rescaling.inputs },
          version: null,
        }),
      this.#session.call('apply', {
        optimizer: this.optimizer,
        expected_version: this.version,
        learning_rate: request.learningRate,
        max_grad_norm: this.#maxGradNorm,
        transform: transformHash,
        inputs: { ...rescaling?.inputs },
      }),
    ]);
    if (graph.probes.length > 0)
      this.onObservations(observationsOf(graph, accumulated.values, this.version), this.version);
    if (!applied.finite) {
      const failed = failedAssertion(graph, accumulated.values);
      throw failed === null
        ? await explainNonFinite(this.#session, this.set, this.version, request)
        : await explainAssertion(this.#session, this.set, this.version, request, failed);
    }
    this.version = applied.version;
    return {
      losses: withoutProbes(accumulated.values, graph),
      gradNorm: applied.grad_norm,
      learnSeconds: accumulated.seconds + applied.seconds,
      optimizerSeconds: applied.seconds,
    };
  }

  /** Checks a loss graph the first time it comes, and traces the transform over the parameters that it teaches. */
  #transformOf(graph: Graph): Graph | null {
    const known = this.#transforms.get(graph.hash);
    if (known !== undefined) return known;
    checkLoss(graph, 'loss');
    const made = this.#transform?.graphFor(graph) ?? null;
    this.#transforms.set(graph.hash, made);
    return made;
  }
}

function optimizerSpec(spec: TrainConfig['optimizer']): OptimizerSpec {
  if (spec.kind === 'rmsprop') {
    const { kind, alpha, epsilon, momentum } = spec;
    return { kind, alpha, epsilon, momentum, centered: false, weight_decay: 0 };
  }
  return { ...spec, weight_decay: 0 };
}
