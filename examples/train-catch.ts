/**
 * Trains an SRWM agent on the toy game catch from pixels and prints its return as it learns.
 *
 *     npx tsx examples/train-catch.ts
 *
 *   1,024 env steps, return -0.52
 *   ...
 *  on its own: sampled 1.00, greedy 1.00; at random -0.62
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { presets, train } from 'srwm';

const config = presets.tiny({ seed: 7, totalEnvSteps: 30_000, evaluation: { episodes: 100 } });

const folder = mkdtempSync(path.join(tmpdir(), 'srwm-catch-'));
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
try {
  for await (const event of train(config, { folder, signal: stop.signal })) {
    if (event.type === 'update' && event.index % 64 === 0 && event.episode_return !== null) {
      console.log(
        `${event.env_steps.toLocaleString('en').padStart(7)} env steps, return ${event.episode_return.mean.toFixed(2)}`,
      );
    }
    if (event.type === 'evaluation') {
      const mean = (name: string) =>
        event.splits.find((split) => split.name === name)?.games[0]?.mean_return.toFixed(2);
      const [sampled, greedy] = [mean('train/sampled'), mean('train/greedy')];
      console.log(`on its own: sampled ${sampled}, greedy ${greedy}; at random ${mean('train/random')}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
