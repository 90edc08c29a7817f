/**
 * PPO's clipped loss (Schulman et al. 2017), written out in 20 lines, in place of the built-in one.
 *
 *     npx tsx examples/clipped-loss.ts
 *
 *    0  loss  1.2647  clipped 0.00
 *   ...
 */
import { catchGame, entropy, maximum, objective, ppo } from 'srwm';

const CLIP = 0.2;
const loss = objective('clipped', ({ target, behaviour, batch }) => {
  // The ratio of both policies, [T, B], cut off where a step would go too far.
  const ratio = target.logProbability.sub(behaviour.logProbability).exp();
  const gain = batch.advantages.neg();
  const policy = maximum(gain.mul(ratio), gain.mul(ratio.clamp(1 - CLIP, 1 + CLIP))).mean();
  const value = batch.returns.sub(target.values).square().mean().mul(0.5);
  const spread = entropy(target.logits).mean();
  const clipped = ratio.sub(1).abs().gt(CLIP).to('float32').mean();
  return { loss: policy.add(value.mul(0.5)).sub(spread.mul(0.01)), policy, value, clipped };
});

for await (const { index, losses } of ppo({
  env: catchGame({ numEnvs: 16 }),
  loss,
  seed: 5,
  totalEnvSteps: 12_800,
  unrollLength: 16,
  learningRate: 2e-3,
  model: { core: { kind: 'feed_forward' } },
  hardware: { device: 'cpu', threads: 1 },
})) {
  const { loss = NaN, clipped = NaN } = losses;
  if (index % 20 === 0)
    console.log(
      `${String(index).padStart(4)}  loss ${loss.toFixed(4).padStart(7)}  clipped ${clipped.toFixed(2)}`,
    );
}
