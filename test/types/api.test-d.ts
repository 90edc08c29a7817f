/** What the type checker knows of the public API. Compiled by `npm run check` (tsc); nothing here runs. */
import {
  catchGame,
  defineRun,
  fromArray,
  gradientTransform,
  impala,
  mapTensors,
  objective,
  openSession,
  policy,
  ppo,
  presets,
  procgen,
  recall,
  stepCore,
  tensorSpec,
  trace,
  train,
  type Config,
  type HostArray,
  type RunEvent,
  type RunResult,
  type TensorHandle,
  type Update,
} from 'srwm';
import { expectType } from './expect-type.ts';

// Presets.
expectType<Config>()(
  presets.procgenEasy({ games: ['bigfish'], numLevels: 50, seed: 3, totalEnvSteps: 1000 }),
);
presets.procgenEasy({ train: { batchSize: 16, optimizer: { kind: 'adam', beta1: 0.5 } } });
presets.tiny({ rows: 10, model: { core: { modelDim: 16 }, encoder: { sizes: [32, 32] } } });
presets.tiny({ model: { core: { kind: 'feed_forward' } }, evaluation: { blindSearch: { rounds: 1 } } });
expectType<Config>()(presets.procgenSingle({ game: 'miner', mode: 'hard', numLevels: 100 }));
// @ts-expect-error: no such mode
presets.procgenSingle({ game: 'miner', mode: 'memory' });
// @ts-expect-error: no game of this name
presets.procgenEasy({ games: ['bigfsh'] });
// @ts-expect-error: no key of this name
presets.procgenEasy({ numLevel: 50 });
// @ts-expect-error: catch has no games
presets.tiny({ games: ['bigfish'] });
// @ts-expect-error: a number
presets.quickstart({ seed: 'one' });
// @ts-expect-error: no key of this section
presets.tiny({ train: { batchsize: 4 } });
// @ts-expect-error: a feed-forward core has no heads
presets.tiny({ model: { core: { kind: 'feed_forward', numHeads: 2 } } });

// Environments.
expectType<'procgen'>()(procgen({ games: ['maze'], distributionMode: 'memory' }).kind);
expectType<'catch'>()(catchGame({ rows: 9 }).kind);
// @ts-expect-error: no such mode
procgen({ distributionMode: 'hardest' });
// @ts-expect-error: catch has no delay
catchGame({ delay: 3 });

// Own parts.
const core = stepCore('leaky', { size: 8 }, (x, h) => [x, h]);
const loss = objective('l', ({ target, batch }) => ({ loss: target.values.sub(batch.rewards).mean() }));
// @ts-expect-error: a loss is required
objective('l', ({ target }) => ({ value: target.values.mean() }));
// @ts-expect-error: the batch has no such value
objective('l', ({ batch }) => ({ loss: batch.reward.mean() }));
const gradients = gradientTransform('signs', ({ gradients: all }) => mapTensors(all, (one) => one.sign()));
expectType<Config>()(defineRun(presets.tiny(), { core, loss, gradients }).config);
// @ts-expect-error: a transform returns gradients by name
gradientTransform('sum', ({ parameters }) => parameters['w']?.sum());
// @ts-expect-error: no part of this name
defineRun(presets.tiny(), { head: core });

// Loops.
for await (const update of impala({ env: recall(), policy: policy({ core }), loss }))
  expectType<Update>()(update);
ppo({
  env: catchGame(),
  algorithm: { clip: 0.1 },
  optimizer: { beta1: 0.5 },
  schedule: { kind: 'constant' },
});
// @ts-expect-error: an environment is required
ppo({ loss });
// @ts-expect-error: V-trace has no clip
impala({ env: catchGame(), algorithm: { clip: 0.1 } });

// Runs.
const run = train(presets.tiny(), { onUpdate: ({ index }) => expectType<number>()(index) });
for await (const event of run) {
  expectType<RunEvent>()(event);
  if (event.type === 'update') expectType<Readonly<Record<string, number>>>()(event.losses);
}
expectType<RunResult>()(await run);
// @ts-expect-error: no option of this name
train(presets.tiny(), { onupdate: () => undefined });

// Tensors.
const graph = trace('g', { x: tensorSpec([2]) }, ({ x }) => ({ y: x.mul(2), z: x.sum() }));
await using session = await openSession();
const numbers = await session.compute(graph, { x: fromArray([1, 2]) });
expectType<HostArray>()(numbers.y);
// @ts-expect-error: the graph has no such output
void numbers.w;
// @ts-expect-error: the input x is missing
await session.compute(graph, {});
const kept = await session.keep(graph, { x: await session.put(fromArray([1, 2])) });
expectType<TensorHandle>()(kept.z);
