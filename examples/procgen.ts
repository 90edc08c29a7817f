/**
 * A whole run on real ProcGen: trained, kept in a folder, evaluated on levels that it never saw. The budget here is
 * tiny, so that it learns nothing yet: leave `totalEnvSteps` out for the paper's 300 million.
 *
 *     npx tsx examples/procgen.ts            on BigFish and Maze
 *     npx tsx examples/procgen.ts miner      on games of your choice
 *
 * update 0: 240 env steps, loss -15.0
 * ...
 * bigfish, unseen levels: 0.50 [-0.13, 1.13] of 8 episodes
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { presets, train, type Game } from 'srwm';

// A name that is no game is refused by the preset, with the nearest ones.
const games = process.argv.length > 2 ? (process.argv.slice(2) as Game[]) : (['bigfish', 'maze'] as const);

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const folder = path.join(mkdtempSync(path.join(tmpdir(), 'srwm-procgen-')), 'run');

const config = presets.procgenEasy({
  games,
  numEnvs: 16,
  numLevels: 50,
  totalEnvSteps: 960,
  train: { unrollLength: 15, batchSize: 8 },
  model: { encoder: { channels: [8, 16, 16], blocks: 1 }, core: { modelDim: 32, numHeads: 4, ffDim: 64 } },
  evaluation: { numEnvs: 4, maxEpisodeSteps: 2000 },
});
const run = await train(config, {
  folder,
  signal: stop.signal,
  onUpdate: ({ index, env_steps: steps, losses }) =>
    console.log(`update ${index}: ${steps} env steps, loss ${losses['loss']?.toFixed(1)}`),
});
console.log(`${run.updates} updates, parameters ${run.parameters_sha256.slice(0, 12)}`);
if (run.finished) {
  const { splits } = await run.evaluate({ splits: ['unseen'], play: ['sampled'], episodes: 8 });
  for (const { game, mean_return: mean, ci95, episodes } of splits[0]?.games ?? []) {
    const interval = ci95.map((bound) => bound.toFixed(2)).join(', ');
    console.log(`${game}, unseen levels: ${mean.toFixed(2)} [${interval}] of ${episodes} episodes`);
  }
}
rmSync(path.dirname(folder), { recursive: true });
