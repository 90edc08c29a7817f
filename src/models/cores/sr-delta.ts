/** SR-Delta: a self-referential matrix that programs a delta memory. */
import { deltaRule, sigmoid } from '../../graph/index.ts';
import type { Carry } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';
import { MEMORY } from './delta-net.ts';
import { headDimOf, mergeHeads } from './heads.ts';
import { DELTA, selfReference, type SelfReferenceOptions } from './srwm.ts';
import { layerStack } from './stack.ts';

/** Sizes of a stack of such layers. */
export interface SrDeltaCoreOptions extends SelfReferenceOptions {
  readonly carry: Exclude<Carry, 'run'>;
}

/**
 * The paper's SR-Delta: the matrix gives 3 D + 1 numbers a head, which are q, k (each through a softmax), v and the rate of
 * a delta memory; that is written and read as the Delta Net's. Each layer carries `layerN/fast_weight_delta`
 * [B, H, D, 5 D + 5] and `layerN/fast_weights` [B, H, D, D].
 */
export function srDeltaCore(options: SrDeltaCoreOptions, context: CoreContext): SequenceCore {
  const headDim = headDimOf(options);
  const { numHeads, modelDim } = options;
  const outputDim = 3 * headDim + 1;
  return layerStack(options, context.scheme, {
    stateShapes: (batch) => ({
      [DELTA]: [batch, numHeads, headDim, outputDim + 2 * headDim + 4],
      [MEMORY]: [batch, numHeads, headDim, headDim],
    }),
    apply: (h, isFirst, state) => {
      const { y, delta } = selfReference(h, isFirst, carried(state, DELTA), outputDim, options, context);
      const [q, k, v, rate] = y.split([headDim, headDim, headDim, 1], -1) as [
        typeof y,
        typeof y,
        typeof y,
        typeof y,
      ];
      const memory = carried(state, MEMORY);
      const beta = sigmoid(rate).squeeze(-1);
      const { bptt } = context;
      const written = deltaRule(q.softmax(-1), k.softmax(-1), v, beta, memory, isFirst, { bptt });
      return {
        y: mergeHeads('srwm', written.o, modelDim, context.scheme),
        state: { [DELTA]: delta, [MEMORY]: written.fastWeights },
      };
    },
  });
}
