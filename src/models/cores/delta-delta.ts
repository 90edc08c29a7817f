/** DeltaDelta: a delta memory that programs a second, faster one. */
import { deltaRule, sigmoid, type Tensor } from '../../graph/index.ts';
import { resets, type Carry } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';
import { MEMORY } from './delta-net.ts';
import { headDimOf, mergeHeads, normalizedElu, projectHeads, type HeadOptions } from './heads.ts';
import { layerStack } from './stack.ts';

const VERY_FAST = 'very_fast_weights';

/** Sizes of a stack of such layers. `carry` "run" keeps the first memory over episodes; the second is always reset. */
export interface DeltaDeltaCoreOptions extends HeadOptions {
  readonly carry: Carry;
}

/**
 * Layers of [DeltaDelta, feed-forward] (the released `--use_dd`, which crashes there): the first memory, written and read
 * as the Delta Net's, holds values of 3 D + 1 numbers, which are the q, k, v and rate of the second. Each layer carries
 * `layerN/fast_weights` [B, H, D, 3 D + 1] and `layerN/very_fast_weights` [B, H, D, D].
 */
export function deltaDeltaCore(options: DeltaDeltaCoreOptions, { scheme, bptt }: CoreContext): SequenceCore {
  const headDim = headDimOf(options);
  const { numHeads, modelDim } = options;
  const width = 3 * headDim + 1;
  const write = (q: Tensor, k: Tensor, v: Tensor, rate: Tensor, memory: Tensor, first: Tensor) =>
    deltaRule(normalizedElu(q), normalizedElu(k), v, sigmoid(rate).squeeze(-1), memory, first, { bptt });
  return layerStack(options, scheme, {
    stateShapes: (batch) => ({
      [MEMORY]: [batch, numHeads, headDim, width],
      [VERY_FAST]: [batch, numHeads, headDim, headDim],
    }),
    apply: (h, isFirst, state) => {
      const sizes = [headDim, headDim, width, 1] as const;
      const [q, k, v, rate] = projectHeads('delta', h, numHeads, sizes, scheme);
      const fast = write(q, k, v, rate, carried(state, MEMORY), resets(isFirst, options.carry));
      const [fq, fk, fv, frate] = fast.o.split([headDim, headDim, headDim, 1], -1) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const veryFast = write(fq, fk, fv, frate, carried(state, VERY_FAST), isFirst);
      return {
        y: mergeHeads('delta', veryFast.o, modelDim, scheme),
        state: { [MEMORY]: fast.fastWeights, [VERY_FAST]: veryFast.fastWeights },
      };
    },
  });
}
