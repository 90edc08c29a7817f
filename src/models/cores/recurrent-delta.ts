/** The Recurrent Delta Net: what the memory gave last takes part in the next write and read. */
import { parameter, scan, sigmoid, tanh, type Tensor } from '../../graph/index.ts';
import { normal } from '../../nn/index.ts';
import { entering } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';
import { MEMORY, type MemoryCoreOptions } from './delta-net.ts';
import { headDimOf, mergeHeads, projectHeads } from './heads.ts';
import { readAt, writeDelta } from './memory.ts';
import { layerStack } from './stack.ts';

/** Name of the carried output of the step before in each layer. */
export const OUTPUT = 'output';

/**
 * Layers of [recurrent delta memory, feed-forward] (Irie et al. 2021, as the released `--use_rec_delta`): to q, k, v and the
 * logit of beta is added tanh(o before) R, with R `delta/recurrent` [H, D, 3 D + 1] from N(0, 1 / D), columns in the order
 * (q, k, v, beta); q and k go through a softmax. Each layer carries `layerN/fast_weights` [B, H, D, D] and `layerN/output`
 * [B, H, D].
 */
export function recurrentDeltaCore(options: MemoryCoreOptions, { scheme, bptt }: CoreContext): SequenceCore {
  const headDim = headDimOf(options);
  const { numHeads, modelDim } = options;
  const width = 3 * headDim + 1;
  return layerStack(options, scheme, {
    stateShapes: (batch) => ({
      [MEMORY]: [batch, numHeads, headDim, headDim],
      [OUTPUT]: [batch, numHeads, headDim],
    }),
    apply: (h, isFirst, state) => {
      const [made] = projectHeads('delta', h, numHeads, [width], scheme);
      const start = normal(1 / Math.sqrt(headDim));
      const recurrent = parameter('delta/recurrent', [numHeads, headDim, width], start);
      const [time, batch] = isFirst.shape as [number, number];
      // Heads before the batch, so that the recurrent weights take one batched product a step.
      const { carry, ys } = scan(
        {
          carry: {
            memory: carried(state, MEMORY).transpose(0, 1),
            output: carried(state, OUTPUT).transpose(0, 1),
          },
          xs: { made: made.transpose(1, 2), first: isFirst.reshape([time, 1, batch, 1]) },
        },
        ({ carry: before, x }) => {
          const memory = entering(before.memory, x.first.unsqueeze(-1), bptt);
          const fedBack = tanh(entering(before.output, x.first, bptt));
          const all = x.made.add(fedBack.matmul(recurrent));
          const [qk, v, rate] = all.split([2 * headDim, headDim, 1], -1) as [Tensor, Tensor, Tensor];
          const keys = qk.reshape([numHeads, batch, 2, headDim]).softmax(-1);
          const next = writeDelta(memory, keys.select(-2, 1), v, sigmoid(rate));
          const output = readAt(keys.select(-2, 0), next);
          return { carry: { memory: next, output }, y: { output } };
        },
      );
      return {
        y: mergeHeads('delta', ys.output.transpose(1, 2), modelDim, scheme),
        state: { [MEMORY]: carry.memory.transpose(0, 1), [OUTPUT]: carry.output.transpose(0, 1) },
      };
    },
  });
}
