/**
 * The update loop itself, with the worker's verbs: collect an unroll, accumulate gradients, apply. The rule is
 * REINFORCE; no line of it is built in.
 *
 *     npx tsx examples/own-loop.ts
 *
 * update   0   return -0.73
 * update  20   return -0.51
 * ...
 */
import { keySpec, linear, logProbabilities, normalizeAdvantages, openSession, randomKey } from 'srwm';
import { randomUniform, relu, sampleActions, scan, scope, tensorSpec, trace, zeros, type Tensor } from 'srwm';

const [T, B, SEED] = [32, 32, 7];
await using session = await openSession({ device: 'cpu', threads: 1 });
const game = { kind: 'catch', rows: 8, columns: 6, blank: false } as const;
const spec = { ...game, num_envs: B, num_groups: 1, seed: SEED };
const pool = await session.call('open_pool', { pool: 'train', spec });
const images = (time: number) => tensorSpec([time, B, 8, 6, 3], 'uint8');

function network(images: Tensor): Tensor {
  const x = images
    .flatten(2)
    .to('float32')
    .mul(1 / 255);
  return scope('net', () => linear('logits', pool.num_actions)(relu(linear('hidden', 64)(x))));
}
const noise = trace('noise', { key: keySpec }, ({ key }) => ({ noise: randomUniform(key, [T, B]) }));
const act = trace('act', { observation: images(1), noise: tensorSpec([1, B]) }, (step) => ({
  action: sampleActions(network(step.observation), step.noise),
}));
const perStep = { reward: tensorSpec([T + 1, B]), is_first: tensorSpec([T + 1, B], 'bool') };
const unroll = { observation: images(T + 1), action: tensorSpec([T, B], 'int64'), ...perStep };
const reinforce = trace('reinforce', unroll, ({ observation, action, reward, is_first: isFirst }) => {
  // What each action led to: discounted rewards up to the end of its episode, from the last step to the first.
  const goes = isFirst.slice(0, 1).logicalNot().to('float32').mul(0.95);
  const xs = { reward: reward.slice(0, 1), goes };
  const { ys } = scan({ carry: { g: zeros([B]) }, xs, reverse: true }, ({ carry, x }) => {
    const g = x.reward.add(x.goes.mul(carry.g));
    return { carry: { g }, y: { g } };
  });
  const logits = network(observation.slice(0, 0, T));
  return { loss: logProbabilities(logits, action).mul(normalizeAdvantages(ys.g)).mean().neg() };
});

await session.createParameters('net', [reinforce], SEED);
const algorithm = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0 } as const;
await session.call('create_optimizer', { optimizer: 'net', set: 'net', algorithm });
const [actor, learner] = [await session.load(act), await session.load(reinforce)];
const handle = (id: string) => ({ kind: 'handle', id }) as const;
const names = ['observation', 'action', 'reward', 'is_first'] as const;
const inputs = Object.fromEntries(names.map((name) => [name, handle(name)]));
const collect = {
  ...{ graph: actor, set: 'net', pool: 'train', length: T, action: 'action' },
  ...{ inputs: {}, carry: [], final: null, initial: [], per_step: { noise: handle('noise') } },
  feed: { observation: 'observation', reward: null, is_first: null, level: null },
  record: { action: 'action' },
  store: { observation: 'observation', reward: 'reward', is_first: 'is_first' },
};
const accumulate = { graph: learner, optimizer: 'net', inputs, loss: 'loss', report: ['loss'] };
const apply = { optimizer: 'net', learning_rate: 3e-3, max_grad_norm: 0.5, transform: null, inputs: {} };

let recent: number[] = [];
for (let version = 0; version <= 80; version++) {
  const key = { kind: 'key', value: randomKey(SEED, 'actions', version) } as const;
  await session.run(noise, { inputs: { key }, store: { noise: 'noise' } });
  const { episodes } = await session.call('collect', collect);
  await session.call('accumulate', accumulate);
  await session.call('apply', { ...apply, expected_version: version });
  recent = [...recent, ...episodes.map((episode) => episode.episode_return)].slice(-200);
  const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
  if (version % 20 === 0) console.log(`update ${String(version).padStart(3)}   return ${mean.toFixed(2)}`);
}
