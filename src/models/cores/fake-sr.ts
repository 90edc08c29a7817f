/** The paper's "Fake SR": the matrix of an SRWM layer that never changes. */
import { einsum, parameter } from '../../graph/index.ts';
import { normal } from '../../nn/index.ts';
import type { CoreContext, SequenceCore } from './core.ts';
import { declareUnusedNorm, headDimOf, mergeHeads, splitHeads, type HeadOptions } from './heads.ts';
import { layerStack } from './stack.ts';

/** Sizes of a stack of static layers. */
export interface FakeSrCoreOptions extends HeadOptions {
  /** Declare the layer normalisation that the released code creates in each such layer and never applies. */
  readonly releasedNorm: boolean;
}

/** y = h W_y a head, W_y `static/w` [H, D, D] from N(0, 1 / D): neither softmax nor normalisation, and no state. */
export function fakeSrCore(options: FakeSrCoreOptions, { scheme }: CoreContext): SequenceCore {
  const headDim = headDimOf(options);
  const { numHeads, modelDim } = options;
  return layerStack(options, scheme, {
    stateShapes: () => ({}),
    apply: (h) => {
      const w = parameter('static/w', [numHeads, headDim, headDim], normal(1 / Math.sqrt(headDim)));
      if (options.releasedNorm) declareUnusedNorm('static', modelDim);
      const y = einsum('tbhd,hde->tbhe', splitHeads(h, numHeads), w);
      return { y: mergeHeads('static', y, modelDim, scheme), state: {} };
    },
  });
}
