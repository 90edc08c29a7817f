/** What most cores share: input projection, then layers of [memory, feed-forward], both residual. */
import { relu, scope, type Tensor } from '../../graph/index.ts';
import { layerNorm, linear } from '../../nn/index.ts';
import type { InitializationScheme } from '../schemes.ts';
import { carried, type CoreState, type SequenceCore, type StateShapes } from './core.ts';

/** Sizes of a stack of layers. */
export interface StackOptions {
  readonly modelDim: number;
  readonly numLayers: number;
  /** Inner size of the feed-forward layers. */
  readonly ffDim: number;
  /** Layer normalisation before the heads; the paper's networks have none. */
  readonly finalNorm: boolean;
}

/** The first half of a layer: what it adds to h [T, B, modelDim], and what it carries, by names of its own. */
export interface MemoryLayer {
  readonly stateShapes: StateShapes;
  readonly apply: (
    h: Tensor,
    isFirst: Tensor,
    state: CoreState,
  ) => { readonly y: Tensor; readonly state: CoreState };
}

/**
 * Input projection to modelDim, then `numLayers` times h + memory(h) and h + feed-forward(h) (Irie et al. 2022,
 * section 4.3). [T, B, M] to [T, B, modelDim]; parameters under `core/layerN/`, states named `layerN/...`.
 */
export function layerStack(
  options: StackOptions,
  scheme: InitializationScheme,
  memory: MemoryLayer | null,
): SequenceCore {
  const layers = [...Array(options.numLayers).keys()].map((layer) => `layer${layer}`);
  return {
    stateShapes: (batch) =>
      Object.fromEntries(
        layers.flatMap((layer) =>
          Object.entries(memory?.stateShapes(batch) ?? {}).map(([name, shape]) => [
            `${layer}/${name}`,
            shape,
          ]),
        ),
      ),
    apply: (x, isFirst, state) =>
      scope('core', () => {
        const next: Record<string, Tensor> = {};
        let h = linear('input', options.modelDim, scheme.dense(x.size(-1), 1))(x);
        for (const layer of layers) {
          h = scope(layer, () => {
            if (memory === null) return feedForward(h, options.ffDim, scheme);
            const names = Object.keys(memory.stateShapes(1));
            const own = Object.fromEntries(names.map((name) => [name, carried(state, `${layer}/${name}`)]));
            const { y, state: after } = memory.apply(h, isFirst, own);
            for (const [name, tensor] of Object.entries(after)) next[`${layer}/${name}`] = tensor;
            return feedForward(h.add(y), options.ffDim, scheme);
          });
        }
        return { y: options.finalNorm ? layerNorm('norm')(h) : h, state: next };
      }),
  };
}

/** h + W2 relu(W1 norm(h)). */
function feedForward(h: Tensor, ffDim: number, scheme: InitializationScheme): Tensor {
  return scope('ff', () => {
    const modelDim = h.size(-1);
    const inner = relu(linear('in', ffDim, scheme.dense(modelDim, Math.SQRT2))(layerNorm('norm')(h)));
    return h.add(linear('out', modelDim, scheme.dense(ffDim, Math.SQRT2))(inner));
  });
}
