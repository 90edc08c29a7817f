/** Sequence cores: one function over [T, B, M] with is_first and a state. Acting calls it with T = 1. */
import {
  captureCallSite,
  GraphError,
  parameter,
  relu,
  requireName,
  requireShape,
  scan,
  scope,
  shown,
  srwm,
  Tensor,
  where,
  type Bptt,
  type CallSite,
} from '../graph/index.ts';
import { constant, layerNorm, linear, normal } from '../nn/index.ts';
import type { InitializationScheme } from './schemes.ts';

/** What a core carries from step to step: tensors [B, ...] by name. */
export type CoreState = Readonly<Record<string, Tensor>>;

/** What carries a state through time: [T, B, M] to [T, B, M']. */
export interface SequenceCore {
  /** Shape of each carried tensor for B sequences; all float32, zero at the start of a run. */
  readonly stateShapes: (batch: number) => Readonly<Record<string, readonly number[]>>;
  /** x [T, B, M], isFirst [T, B] bool: the state is reset *before* a step whose isFirst is true. */
  readonly apply: (
    x: Tensor,
    isFirst: Tensor,
    state: CoreState,
  ) => { readonly y: Tensor; readonly state: CoreState };
}

/**
 * No memory: the heads see the features themselves.
 *
 * @example policy({ core: feedForwardCore() })
 */
export function feedForwardCore(): SequenceCore {
  return { stateShapes: () => ({}), apply: (x) => ({ y: x, state: {} }) };
}

/** Sizes of a stack of self-referential layers (Irie et al. 2022, section 3.2). */
export interface SrwmCoreOptions {
  readonly modelDim: number;
  readonly numHeads: number;
  readonly numLayers: number;
  readonly ffDim: number;
  readonly inputSoftmax: boolean;
  readonly bptt: Bptt;
  /** Layer normalisation before the heads; the paper's network has none. */
  readonly finalNorm: boolean;
  /** Declare the layer normalisation that the released code creates in each SRWM layer and never applies. */
  readonly releasedNorm: boolean;
}

/**
 * Input projection, then layers of [SRWM, feed-forward], both residual (Irie et al. 2022; no normalisation before
 * the matrix). Each layer carries `layerN/fast_weight_delta` [B, H, D, 3 D + 4].
 */
export function srwmCore(options: SrwmCoreOptions, scheme: InitializationScheme): SequenceCore {
  const { modelDim, numHeads, numLayers } = options;
  const headDim = modelDim / numHeads;
  const layers = [...Array(numLayers).keys()].map((layer) => `layer${layer}`);
  const stateName = (layer: string) => `${layer}/fast_weight_delta`;
  return {
    stateShapes: (batch) =>
      Object.fromEntries(
        layers.map((layer) => [stateName(layer), [batch, numHeads, headDim, 3 * headDim + 4]]),
      ),
    apply: (x, isFirst, state) =>
      scope('core', () => {
        const next: Record<string, Tensor> = {};
        let h = linear('input', modelDim, scheme.dense(x.size(-1), 1))(x);
        for (const layer of layers) {
          h = scope(layer, () => {
            const delta = state[stateName(layer)];
            if (delta === undefined) throw new Error(`internal: no core state for ${layer}`);
            const memory = srwmLayer(h, isFirst, delta, headDim, options, scheme);
            next[stateName(layer)] = memory.fastWeightDelta;
            return feedForward(h.add(memory.y), options.ffDim, scheme);
          });
        }
        return { y: options.finalNorm ? layerNorm('norm')(h) : h, state: next };
      }),
  };
}

function srwmLayer(
  h: Tensor,
  isFirst: Tensor,
  delta: Tensor,
  headDim: number,
  options: SrwmCoreOptions,
  scheme: InitializationScheme,
) {
  const [time, batch, modelDim] = h.shape as [number, number, number];
  const { numHeads, inputSoftmax, bptt } = options;
  const start = normal(1 / Math.sqrt(headDim));
  const w = parameter('srwm/w', [numHeads, headDim, 3 * headDim + 4], start);
  if (options.releasedNorm) {
    parameter('srwm/norm/weight', [modelDim], constant(1));
    parameter('srwm/norm/bias', [modelDim], constant(0));
  }
  const heads = h.reshape([time, batch, numHeads, headDim]);
  const memory = srwm(heads, w, delta, isFirst, { inputSoftmax, bptt });
  const y = memory.y.reshape([time, batch, modelDim]);
  const out = linear('srwm/out', modelDim, { bias: false, ...scheme.dense(modelDim, 0.5) })(y);
  return { y: out, fastWeightDelta: memory.fastWeightDelta };
}

/** h + W2 relu(W1 norm(h)). */
function feedForward(h: Tensor, ffDim: number, scheme: InitializationScheme): Tensor {
  return scope('ff', () => {
    const modelDim = h.size(-1);
    const inner = relu(linear('in', ffDim, scheme.dense(modelDim, Math.SQRT2))(layerNorm('norm')(h)));
    return h.add(linear('out', modelDim, scheme.dense(ffDim, Math.SQRT2))(inner));
  });
}

/**
 * A core from one step: `step(x [B, M], h [B, size])` returns [output [B, ...], next h]. `scan` owns the loop, and
 * the state goes back to zero before every step whose isFirst is true.
 *
 * @throws GraphError GRAPH_NAME or GRAPH_SHAPE for a name or a size that cannot be; while tracing, GRAPH_TRACE when a step
 * returns no pair of tensors.
 *
 * @example stepCore('leaky', { size: 128 }, (x, h) => { const next = h.mul(0.9).add(relu(linear('in', 128)(x))); return [next, next] })
 */
export function stepCore(
  name: string,
  options: { readonly size: number },
  step: (x: Tensor, h: Tensor) => readonly [output: Tensor, next: Tensor],
): SequenceCore {
  const site = captureCallSite(stepCore);
  requireName('stepCore', name, () => site);
  requireShape(`stepCore("${name}")`, [options.size], () => site);
  return {
    stateShapes: (batch) => ({ [name]: [batch, options.size] }),
    apply: (x, isFirst, state) =>
      scope(name, () => {
        const h = state[name];
        if (h === undefined) throw new Error(`internal: no core state for ${name}`);
        const result = scan(
          { carry: { h }, xs: { x, isFirst: isFirst.unsqueeze(-1) } },
          ({ carry, x: now }) => {
            const [output, next] = pairOf(name, step(now.x, where(now.isFirst, 0, carry.h)), site);
            return { carry: { h: next }, y: { output } };
          },
        );
        return { y: result.ys.output, state: { [name]: result.carry.h } };
      }),
  };
}

function pairOf(name: string, made: unknown, site: CallSite): readonly [Tensor, Tensor] {
  const [output, next, ...more] = Array.isArray(made) ? (made as readonly unknown[]) : [];
  if (output instanceof Tensor && next instanceof Tensor && more.length === 0) return [output, next];
  throw new GraphError(
    'GRAPH_TRACE',
    `stepCore("${name}"): a step must return [output, next], two tensors, got ${made instanceof Tensor ? 'one tensor' : shown(made)}.`,
    'Write return [output, next]; where both are the same, return [next, next].',
    site,
  );
}
