/**
 * A small transformer as sequence core: causal attention that never looks past the start of its episode. It must
 * name a cue that it was shown four steps before; at random the return is 0.33.
 *
 *     npx tsx examples/transformer-core.ts
 *
 * env steps    512   return 0.35
 * env steps  10752   return 0.98
 * ...
 */
import { arange, attention, cat, layerNorm, linear, policy, ppo, recall, relu, scope } from 'srwm';
import type { SequenceCore, Tensor } from 'srwm';

const [DIM, HEADS, MEMORY] = [32, 4, 8];

/** h [T, B, DIM]: each step attends to itself and to earlier steps of its episode. */
function episodeAttention(h: Tensor, isFirst: Tensor): Tensor {
  const [time, batch] = h.shape as [number, number, number];
  const heads = (x: Tensor) => x.reshape([time, batch, HEADS, DIM / HEADS]).permute([1, 2, 0, 3]);
  const [q, k, v] = ['q', 'k', 'v'].map((name) => heads(linear(name, DIM)(h))) as [Tensor, Tensor, Tensor];
  // Counting the starts gives all steps of one episode one number; [B, 1, T, T].
  const episode = isFirst.to('int64').cumsum(0).transpose(0, 1);
  const same = episode.unsqueeze(2).eq(episode.unsqueeze(1)).unsqueeze(1);
  const past = arange(time).unsqueeze(1).ge(arange(time).unsqueeze(0));
  const mixed = attention(q, k, v, { mask: same.logicalAnd(past) });
  return linear('out', DIM)(mixed.permute([2, 0, 1, 3]).reshape([time, batch, DIM]));
}

// Acting sees one step at a time, so the state is what came before: the last inputs, and which of them were starts.
const core: SequenceCore = {
  stateShapes: (batch) => ({ inputs: [batch, MEMORY, DIM], starts: [batch, MEMORY] }),
  apply: (x, isFirst, state) =>
    scope('transformer', () => {
      const { inputs, starts } = state as { inputs: Tensor; starts: Tensor };
      const all = cat([inputs.transpose(0, 1), linear('in', DIM)(x)], 0);
      const first = cat([starts.transpose(0, 1), isFirst.to('float32')], 0);
      const h = all.add(episodeAttention(layerNorm('norm')(all), first.gt(0)));
      const y = h.add(linear('ff_out', DIM)(relu(linear('ff_in', 4 * DIM)(layerNorm('ff_norm')(h)))));
      const recent = (t: Tensor) => t.slice(0, t.size(0) - MEMORY).transpose(0, 1);
      return { y: y.slice(0, MEMORY), state: { inputs: recent(all), starts: recent(first) } };
    }),
};

let last = 0;
for await (const { index, env_steps: steps, episode_return: mean } of ppo({
  env: recall({ numCues: 3, delay: 4, numEnvs: 32 }),
  policy: policy({ core }),
  seed: 1,
  totalEnvSteps: 24_000,
  unrollLength: 16,
  learningRate: 2e-3,
  algorithm: { passes: 4, normalizeRewards: false },
  model: { encoder: { kind: 'mlp', sizes: [32], scale: 1 } },
  hardware: { device: 'cpu', threads: 1 },
})) {
  last = mean?.mean ?? last;
  if (index % 80 === 0) console.log(`env steps ${String(steps).padStart(6)}   return ${last.toFixed(2)}`);
}
console.log(`return of the last 200 episodes ${last.toFixed(2)}`);
if (last < 0.6) throw new Error('attention must find the cue');
