/** Long short-term memory. */
import { affine, parameter, scan, scope, sigmoid, tanh, type Tensor } from '../../graph/index.ts';
import { linear } from '../../nn/index.ts';
import { entering, type Carry } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';

/** Size of the layer, and how long its state is kept. */
export interface LstmCoreOptions {
  readonly modelDim: number;
  readonly carry: Exclude<Carry, 'run'>;
}

/**
 * One layer (Hochreiter & Schmidhuber 1997 with forget gates), as `torch.nn.LSTM`: [T, B, M] to [T, B, modelDim]. Gates in
 * the order (input, forget, cell, output); `core/input` and `core/recurrent` both have a bias, and all start from
 * U(-1/sqrt(modelDim), 1/sqrt(modelDim)) under PyTorch's scheme. Carries `h` and `c` [B, modelDim].
 */
export function lstmCore({ modelDim }: LstmCoreOptions, { scheme, bptt }: CoreContext): SequenceCore {
  const start = scheme.dense(modelDim, 1);
  return {
    stateShapes: (batch) => ({ h: [batch, modelDim], c: [batch, modelDim] }),
    apply: (x, isFirst, state) =>
      scope('core', () => {
        const bias = parameter('recurrent/bias', [4 * modelDim], start.biasInitializer);
        // All that does not read h stands outside the loop: what remains is one matrix product a step.
        const given = linear('input', 4 * modelDim, start)(x).add(bias);
        const weight = parameter('recurrent/weight', [4 * modelDim, modelDim], start.weightInitializer);
        const { carry, ys } = scan(
          {
            carry: { h: carried(state, 'h'), c: carried(state, 'c') },
            xs: { given, first: isFirst.unsqueeze(-1) },
          },
          ({ carry: before, x: now }) => {
            const gates = affine(entering(before.h, now.first, bptt), weight, null).add(now.given);
            const [input, forget, cell, output] = gates.chunk(4, -1) as [Tensor, Tensor, Tensor, Tensor];
            const kept = sigmoid(forget).mul(entering(before.c, now.first, bptt));
            const c = kept.add(sigmoid(input).mul(tanh(cell)));
            const h = sigmoid(output).mul(tanh(c));
            return { carry: { h, c }, y: { h } };
          },
        );
        return { y: ys.h, state: { h: carry.h, c: carry.c } };
      }),
  };
}
