/** The self-referential weight matrix. */
import { parameter, srwm, type Tensor } from '../../graph/index.ts';
import { normal } from '../../nn/index.ts';
import { resets, type Carry } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';
import { declareUnusedNorm, headDimOf, mergeHeads, splitHeads, type HeadOptions } from './heads.ts';
import { layerStack } from './stack.ts';

/** Of layers with a self-referential matrix. */
export interface SelfReferenceOptions extends HeadOptions {
  readonly inputSoftmax: boolean;
  /** Declare the layer normalisation that the released code creates in each such layer and never applies. */
  readonly releasedNorm: boolean;
}

/** Sizes of a stack of self-referential layers (Irie et al. 2022, section 3.2). */
export interface SrwmCoreOptions extends SelfReferenceOptions {
  readonly carry: Carry;
}

/** Name of the carried W_t - W_0 in each layer. */
export const DELTA = 'fast_weight_delta';

/**
 * Input projection, then layers of [SRWM, feed-forward], both residual (Irie et al. 2022; no normalisation before
 * the matrix). Each layer carries `layerN/fast_weight_delta` [B, H, D, 3 D + 4].
 */
export function srwmCore(options: SrwmCoreOptions, context: CoreContext): SequenceCore {
  const headDim = headDimOf(options);
  return layerStack(options, context.scheme, {
    stateShapes: (batch) => ({ [DELTA]: [batch, options.numHeads, headDim, 3 * headDim + 4] }),
    apply: (h, isFirst, state) => {
      const first = resets(isFirst, options.carry);
      const { y, delta } = selfReference(h, first, carried(state, DELTA), headDim, options, context);
      return { y: mergeHeads('srwm', y, options.modelDim, context.scheme), state: { [DELTA]: delta } };
    },
  });
}

/**
 * The matrix `srwm/w` [H, D, D_y + 2 D + 4] over the heads of h [T, B, modelDim], each element from N(0, 1 / D): y
 * [T, B, H, D_y] and the carried difference from the slow weights.
 */
export function selfReference(
  h: Tensor,
  isFirst: Tensor,
  delta: Tensor,
  outputDim: number,
  options: SelfReferenceOptions,
  { bptt }: CoreContext,
): { readonly y: Tensor; readonly delta: Tensor } {
  const headDim = headDimOf(options);
  const shape = [options.numHeads, headDim, outputDim + 2 * headDim + 4];
  const w = parameter('srwm/w', shape, normal(1 / Math.sqrt(headDim)));
  if (options.releasedNorm) declareUnusedNorm('srwm', options.modelDim);
  const { inputSoftmax } = options;
  const { y, fastWeightDelta } = srwm(splitHeads(h, options.numHeads), w, delta, isFirst, {
    inputSoftmax,
    bptt,
  });
  return { y, delta: fastWeightDelta };
}
