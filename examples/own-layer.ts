/**
 * Trains an agent whose sequence core is written here: a leaky integrator, one step of it as a plain function.
 *
 *     npx tsx examples/own-layer.ts
 *
 * update    0   env steps    512   return -0.66
 * ...
 * learnt: return of the last episodes 0.97, at the start -0.66
 */
import { catchGame, linear, policy, ppo, relu, stepCore } from 'srwm';

// x [B, M] and the state h [B, 64] of one time step; the loop over time and the resets are stepCore's.
const core = stepCore('leaky', { size: 64 }, (x, h) => {
  const next = h.mul(0.5).add(relu(linear('in', 64)(x)));
  return [next, next];
});

const returns: number[] = [];
for await (const update of ppo({
  env: catchGame({ numEnvs: 32 }),
  policy: policy({ core }),
  seed: 7,
  totalEnvSteps: 25_000,
  unrollLength: 16,
  learningRate: 2e-3,
  algorithm: { discount: 0.95, passes: 4, normalizeRewards: false },
  hardware: { device: 'cpu', threads: 1 },
})) {
  if (update.episode_return === null) continue;
  returns.push(update.episode_return.mean);
  if (update.index % 80 !== 0) continue;
  const [index, steps] = [String(update.index).padStart(4), String(update.env_steps).padStart(6)];
  console.log(`update ${index}   env steps ${steps}   return ${update.episode_return.mean.toFixed(2)}`);
}
const [first = 0, last = 0] = [returns[0], returns.at(-1)];
console.log(`learnt: return of the last episodes ${last.toFixed(2)}, at the start ${first.toFixed(2)}`);
if (last < first + 0.3) throw new Error('the core must learn');
