/**
 * Trains on an environment that a colleague wrote in Python, `python/corridor.py`. It runs in a process of its own; were
 * it to raise or to hang, the run would say so and go on.
 *
 *     npx tsx examples/own-environment.ts
 *
 *   512 steps: the right end is found in 51 % of episodes
 *   ...
 *   16896 steps: the right end is found in 100 % of episodes
 */
import { gymnasium, ppo } from 'srwm';

const env = gymnasium({
  // From the folder of package.json, wherever this is started.
  env: './examples/python/corridor.py:Corridor',
  kwargs: { length: 4 },
  numEnvs: 16,
  // An agent that walks to and fro would never end.
  maxEpisodeSteps: 64,
});

const updates = ppo({
  env,
  seed: 1,
  totalEnvSteps: 20_000,
  unrollLength: 32,
  learningRate: 2e-3,
  algorithm: { normalizeRewards: false },
  model: { core: { kind: 'feed_forward' } },
  hardware: { device: 'cpu', threads: 1 },
});

for await (const { index, env_steps, episode_return: found } of updates) {
  if (index % 16 === 0 && found !== null)
    console.log(
      `${env_steps} steps: the right end is found in ${Math.round(100 * found.mean)} % of episodes`,
    );
}
