/** The Delta RNN: a recurrent network whose input and recurrent weights are both written by the delta rule. */
import { deltaRule, scan, sigmoid } from '../../graph/index.ts';
import { entering } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';
import { MEMORY, type MemoryCoreOptions } from './delta-net.ts';
import { headDimOf, mergeHeads, projectHeads } from './heads.ts';
import { readAt, writeDelta } from './memory.ts';
import { OUTPUT } from './recurrent-delta.ts';
import { layerStack } from './stack.ts';

const RECURRENT = 'recurrent_fast_weights';

/**
 * Layers of [Delta RNN, feed-forward] (Irie et al. 2021, as the released `--use_delta_rnn`): z_t is what a delta memory
 * holds at q; a second one, R, is written at k' with v' and beta'; h_t = softmax(h_{t-1}) R_t + z_t. q, k and k' go through
 * a softmax. Each layer carries `layerN/fast_weights` and `layerN/recurrent_fast_weights` [B, H, D, D], `layerN/output`
 * [B, H, D].
 */
export function deltaRnnCore(options: MemoryCoreOptions, { scheme, bptt }: CoreContext): SequenceCore {
  const headDim = headDimOf(options);
  const { numHeads, modelDim } = options;
  return layerStack(options, scheme, {
    stateShapes: (batch) => ({
      [MEMORY]: [batch, numHeads, headDim, headDim],
      [RECURRENT]: [batch, numHeads, headDim, headDim],
      [OUTPUT]: [batch, numHeads, headDim],
    }),
    apply: (h, isFirst, state) => {
      const sizes = [headDim, headDim, headDim, headDim, headDim, 1, 1] as const;
      const [q, k, v, rk, rv, rate, rrate] = projectHeads('rnn', h, numHeads, sizes, scheme);
      const beta = sigmoid(rate).squeeze(-1);
      const memory = carried(state, MEMORY);
      const z = deltaRule(q.softmax(-1), k.softmax(-1), v, beta, memory, isFirst, { bptt });
      const [time, batch] = isFirst.shape as [number, number];
      const { carry, ys } = scan(
        {
          carry: { recurrent: carried(state, RECURRENT), output: carried(state, OUTPUT) },
          xs: {
            z: z.o,
            k: rk.softmax(-1),
            v: rv,
            beta: sigmoid(rrate),
            first: isFirst.reshape([time, batch, 1, 1]),
          },
        },
        ({ carry: before, x }) => {
          const recurrent = entering(before.recurrent, x.first.unsqueeze(-1), bptt);
          const next = writeDelta(recurrent, x.k, x.v, x.beta);
          const output = readAt(entering(before.output, x.first, bptt).softmax(-1), next).add(x.z);
          return { carry: { recurrent: next, output }, y: { output } };
        },
      );
      return {
        y: mergeHeads('rnn', ys.output, modelDim, scheme),
        state: { [MEMORY]: z.fastWeights, [RECURRENT]: carry.recurrent, [OUTPUT]: carry.output },
      };
    },
  });
}
