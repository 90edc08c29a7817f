/** Generalised advantage estimation, and the scale of rewards. */
import { clamp, scan, stopGradient, zeros, type Tensor } from '../graph/index.ts';
import { cat } from '../graph/index.ts';

/** What generalised advantages are computed from (Schulman et al. 2016, equation 16). */
export interface GaeInputs {
  /** [T, B]. */
  readonly rewards: Tensor;
  /** gamma * (1 - is_first_{t+1}), [T, B]. */
  readonly discounts: Tensor;
  /** V(x_t), [T, B]. */
  readonly values: Tensor;
  /** V(x_T), [B]. */
  readonly bootstrapValue: Tensor;
}

/**
 * A_t = delta_t + discount_t lambda A_{t+1}, delta_t = r_t + discount_t V(x_{t+1}) - V(x_t)
 * (Schulman et al. 2016, eq. 16), all [T, B] and constant. The value target is A_t + V(x_t).
 *
 * @example generalizedAdvantages({ rewards, discounts, values, bootstrapValue }, 0.95) // [T, B]
 */
export function generalizedAdvantages(inputs: GaeInputs, lambda: number): Tensor {
  const { rewards, values, bootstrapValue } = inputs;
  const discounts = stopGradient(inputs.discounts);
  const valuesNext = cat([values.slice(0, 1), bootstrapValue.unsqueeze(0)], 0);
  const deltas = stopGradient(rewards.add(discounts.mul(valuesNext)).sub(values));
  const { ys } = scan(
    {
      carry: { advantage: zeros([values.size(1)]) },
      xs: { deltas, decay: discounts.mul(lambda) },
      reverse: true,
    },
    ({ carry, x }) => {
      const advantage = x.deltas.add(x.decay.mul(carry.advantage));
      return { carry: { advantage }, y: { advantage } };
    },
  );
  return ys.advantage;
}

/**
 * Mean 0 and deviation 1 over the whole tensor.
 *
 * @example normalizeAdvantages(advantages) // [T, B]
 */
export function normalizeAdvantages(advantages: Tensor): Tensor {
  return advantages.sub(advantages.mean()).div(advantages.variance().sqrt().add(1e-8));
}

/** Running statistics that scale rewards; named state that goes in and comes out of every unroll. */
export interface ReturnStatistics {
  /** Discounted return so far of each slot, [B]. */
  readonly running: Tensor;
  /** Mean, variance and count of all discounted returns seen, each []. */
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly count: Tensor;
}

/**
 * Divides rewards [T, B] by the running deviation of the discounted return and clips them to [-clip, clip]
 * (train-procgen's VecNormalize). `isFirst` [T, B] belongs to the observation *before* each reward.
 *
 * @example normalizeRewards(rewards, isFirst, statistics, { discount: 0.99, clip: 10 })
 */
export function normalizeRewards(
  rewards: Tensor,
  isFirst: Tensor,
  statistics: ReturnStatistics,
  options: { readonly discount: number; readonly clip: number },
): { readonly rewards: Tensor; readonly statistics: ReturnStatistics } {
  const { carry, ys } = scan(
    { carry: { running: statistics.running }, xs: { rewards, goes: isFirst.logicalNot().to('float32') } },
    ({ carry: before, x }) => {
      const running = before.running.mul(options.discount).mul(x.goes).add(x.rewards);
      return { carry: { running }, y: { running } };
    },
  );
  const merged = mergeMoments(statistics, ys.running);
  const scaled = rewards.div(merged.variance.add(1e-8).sqrt());
  return {
    rewards: clamp(scaled, -options.clip, options.clip),
    statistics: { running: carry.running, ...merged },
  };
}

/** Mean, variance and count of two samples together (Chan et al. 1979). */
function mergeMoments(former: ReturnStatistics, sample: Tensor) {
  const size = sample.size(0) * sample.size(1);
  const total = former.count.add(size);
  const delta = sample.mean().sub(former.mean);
  const mean = former.mean.add(delta.mul(size).div(total));
  const spread = former.variance
    .mul(former.count)
    .add(sample.variance(null, { correction: 0 }).mul(size))
    .add(delta.square().mul(former.count).mul(size).div(total));
  return { mean, variance: spread.div(total), count: total };
}
