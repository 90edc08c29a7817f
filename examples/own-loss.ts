/**
 * Trains with a loss that is written here: V-trace's policy gradient, a Huber loss for the values, less entropy.
 *
 *     npx tsx examples/own-loss.ts
 *
 * my-loss: policy -113.22, value 95.90, entropy 1.10
 * ...
 */
import { catchGame, entropy, impala, objective, vtrace, where } from 'srwm';

const loss = objective('my-loss', ({ target, behaviour, batch }) => {
  const { vs, pgAdvantages } = vtrace({
    logRhos: target.logProbability.sub(behaviour.logProbability),
    discounts: batch.discounts,
    rewards: batch.rewards,
    values: target.values,
    bootstrapValue: target.bootstrapValue,
  });
  const policy = target.logProbability.mul(pgAdvantages).sum().neg();
  const error = vs.sub(target.values);
  const huber = where(error.abs().lt(1), error.square().mul(0.5), error.abs().sub(0.5)).sum();
  const spread = entropy(target.logits);
  return {
    loss: policy.add(huber.mul(0.5)).sub(spread.sum().mul(0.01)),
    policy,
    value: huber,
    entropy: spread.mean(),
  };
});

for await (const { index, losses } of impala({
  env: catchGame({ numEnvs: 16 }),
  loss,
  seed: 3,
  totalEnvSteps: 6400,
  unrollLength: 20,
  model: { core: { kind: 'feed_forward' } },
  hardware: { device: 'cpu', threads: 1 },
})) {
  const text = ['policy', 'value', 'entropy'].map((name) => `${name} ${losses[name]?.toFixed(2)}`);
  if (index % 5 === 0) console.log(`my-loss: ${text.join(', ')}`);
}
