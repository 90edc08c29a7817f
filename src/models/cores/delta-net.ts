/** The Delta Net: a memory of key-value pairs that is written by the delta rule. */
import { deltaRule, sigmoid } from '../../graph/index.ts';
import type { Carry } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';
import { headDimOf, mergeHeads, normalizedElu, projectHeads, type HeadOptions } from './heads.ts';
import { layerStack } from './stack.ts';

/** Sizes of a stack of memories with heads, and how long those are kept. */
export interface MemoryCoreOptions extends HeadOptions {
  readonly carry: Exclude<Carry, 'run'>;
}

/** Name of the carried memory in each layer. */
export const MEMORY = 'fast_weights';

/**
 * Layers of [delta memory, feed-forward] (Schlag et al. 2021): of the normalised input come q, k, v and beta; v - k F is
 * written at k with rate beta, then q is read. Each layer carries `layerN/fast_weights` [B, H, D, D].
 */
export function deltaNetCore(options: MemoryCoreOptions, { scheme, bptt }: CoreContext): SequenceCore {
  const headDim = headDimOf(options);
  const { numHeads, modelDim } = options;
  return layerStack(options, scheme, {
    stateShapes: (batch) => ({ [MEMORY]: [batch, numHeads, headDim, headDim] }),
    apply: (h, isFirst, state) => {
      const sizes = [headDim, headDim, headDim, 1] as const;
      const [q, k, v, rate] = projectHeads('delta', h, numHeads, sizes, scheme);
      const memory = carried(state, MEMORY);
      const beta = sigmoid(rate).squeeze(-1);
      const { o, fastWeights } = deltaRule(normalizedElu(q), normalizedElu(k), v, beta, memory, isFirst, {
        bptt,
      });
      return { y: mergeHeads('delta', o, modelDim, scheme), state: { [MEMORY]: fastWeights } };
    },
  });
}
