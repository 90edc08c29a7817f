/** `scan`: a loop over time with a carried state, as one node of the graph. */
import { observe } from './debug.ts';
import type { StackedDims, StepOf } from './dims.ts';
import { GraphError } from './errors.ts';
import { finish } from './finish.ts';
import { checkOutputs, refuseAsync } from './graph.ts';
import { BODY_FRAME_LIMIT, captureCallSite, type CallSite } from './location.ts';
import { formatShape } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { addInput, currentTrace, emitAll, Trace, within } from './trace.ts';

type Tensors = Readonly<Record<string, Tensor>>;
type Steps<X extends Tensors> = {
  readonly [N in keyof X]: X[N] extends Tensor<infer S> ? Tensor<StepOf<S>> : never;
};
type Stacked<Y extends Tensors> = {
  readonly [N in keyof Y]: Y[N] extends Tensor<infer S> ? Tensor<StackedDims<S>> : never;
};

/** What a `scan` runs over: the first state, the sequences, and what stays the same at all steps. */
export interface ScanOptions<C extends Tensors, X extends Tensors, K extends Tensors> {
  /** State before the first step. */
  readonly carry: C;
  /** Sequences [T, ...]; the body sees one step of each. */
  readonly xs: X;
  /** Values that are the same at every step. Parameters need not be listed. */
  readonly constants?: K;
  /** From the last step to the first; results keep the time order of `xs`. */
  readonly reverse?: boolean;
}

/** What the body of a `scan` returns for one step. */
export interface ScanStep<C extends Tensors, Y extends Tensors> {
  /** The state after this step, same names, shapes and dtypes. */
  readonly carry: { readonly [N in keyof C]: Tensor };
  /** What this step contributes to the stacked results. */
  readonly y: Y;
}

/**
 * Runs `body` once a step and stacks what it returns under `y` to [T, ...].
 *
 * The worker hoists everything that does not read the carry out of the loop, and sinks everything that only feeds
 * results behind it; both then run for all T at once.
 *
 * @example scan({ carry: { h }, xs: { x } }, ({ carry, x }) => { const h = carry.h.add(x.x); return { carry: { h }, y: { h } }; })
 */
export function scan<
  C extends Tensors,
  X extends Tensors,
  Y extends Tensors,
  K extends Tensors = Record<never, Tensor>,
>(
  options: ScanOptions<C, X, K>,
  body: (step: { readonly carry: C; readonly x: Steps<X>; readonly constants: K }) => ScanStep<C, Y>,
): { readonly carry: C; readonly ys: Stacked<Y> } {
  const site = captureCallSite(scan, BODY_FRAME_LIMIT);
  const outer = currentTrace('scan', site);
  const constants = options.constants ?? ({} as K);
  const length = commonLength(options.xs, site);
  const inner = new Trace(`${outer.name}.scan`, outer);
  const bind = <T extends Tensors>(
    prefix: string,
    tensors: T,
    shapeOf: (tensor: Tensor) => readonly number[],
  ): T =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => {
        const spec = { shape: [...shapeOf(tensor)], dtype: tensor.dtype };
        return [name, addInput(inner, `${prefix}/${name}`, spec, site)];
      }),
    ) as unknown as T;

  const { outputs, carried, yielded } = within(inner, () => {
    const carry = bind('carry', options.carry, (tensor) => tensor.shape);
    const x = bind('x', options.xs, (tensor) => tensor.shape.slice(1)) as unknown as Steps<X>;
    const result = body({ carry, x, constants: bind('constant', constants, (tensor) => tensor.shape) });
    requireStep(result, site);
    if (
      Object.keys(options.carry).join() !==
      Object.keys(carry)
        .filter((name) => name in result.carry)
        .join()
    ) {
      throw new GraphError(
        'GRAPH_ARGUMENT',
        `scan: the body must return every carry (${Object.keys(carry).join(', ')}), got ${Object.keys(result.carry).join(', ')}.`,
        'Return { carry: { ...same names }, y: { ... } }.',
        site,
      );
    }
    const carried = Object.keys(options.carry).map(
      (name) => [`carry/${name}`, result.carry[name as keyof C]] as const,
    );
    const yielded = Object.keys(result.y);
    const all = [
      ...carried,
      ...yielded.map((name) => [`y/${name}`, result.y[name]] as const),
      ...inner.probes.map(({ tensor }, i) => [`debug/${i}`, tensor] as const),
    ];
    return { outputs: checkOutputs('scan', Object.fromEntries(all), inner, site), carried, yielded };
  });

  const spec = finish(inner, outputs);
  const parameters = spec.parameters.map(({ name }) => inner.root.parameters.get(name)?.tensor as Tensor);
  const inputs = [
    ...Object.values(options.carry),
    ...Object.values(options.xs),
    ...Object.values(constants),
    ...parameters,
  ];
  const results = emitAll(
    'srwm.scan',
    inputs,
    {
      length,
      num_carry: carried.length,
      num_xs: Object.keys(options.xs).length,
      num_constants: Object.keys(constants).length,
      reverse: options.reverse ?? false,
    },
    spec,
  );
  inner.probes.forEach((probe, i) => {
    const tensor = results[carried.length + yielded.length + i] as Tensor;
    observe(outer, { ...probe, tensor, isStacked: true });
  });
  const named = (names: readonly string[], from: number) =>
    Object.fromEntries(names.map((name, i) => [name, results[from + i] as Tensor]));
  return {
    carry: named(Object.keys(options.carry), 0) as unknown as C,
    ys: named(yielded, carried.length) as unknown as Stacked<Y>,
  };
}

/** What JavaScript lets a body return by mistake. */
function requireStep(result: unknown, site: CallSite): void {
  refuseAsync('scan', result, site);
  const isStep = typeof result === 'object' && result !== null && 'carry' in result && 'y' in result;
  if (!isStep) {
    throw new GraphError(
      'GRAPH_ARGUMENT',
      'scan: the body must return { carry, y }.',
      'Return { carry: { ...same names }, y: { ... } }.',
      site,
    );
  }
}

function commonLength(xs: Tensors, site: ReturnType<typeof captureCallSite>): number {
  const shapes = Object.values(xs).map((x) => x.shape);
  const length = shapes[0]?.[0];
  if (length === undefined || length < 1 || shapes.some((shape) => shape[0] !== length)) {
    throw new GraphError(
      'GRAPH_SHAPE',
      `scan: xs must be sequences of one common length >= 1 in dimension 0, got ${shapes.map(formatShape).join(', ') || 'none'}.`,
      'Give every x a leading time dimension [T, ...].',
      site,
    );
  }
  return length;
}
