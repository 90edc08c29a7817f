/** V-trace (Espeholt et al. 2018, section 4.1): off-policy corrected value targets and advantages. */
import { cat, scan, stopGradient, zeros, type Tensor } from '../graph/index.ts';

/** What V-trace is computed from (Espeholt et al. 2018, section 4.1). */
export interface VtraceInputs {
  /** log pi(a_t | x_t) - log mu(a_t | x_t), [T, B]. */
  readonly logRhos: Tensor;
  /** discount_t = gamma * (1 - is_first_{t+1}), [T, B]. */
  readonly discounts: Tensor;
  /** r_t, [T, B]: the reward of the transition from t to t + 1. */
  readonly rewards: Tensor;
  /** V(x_t), [T, B]. */
  readonly values: Tensor;
  /** V(x_T), [B]. */
  readonly bootstrapValue: Tensor;
}

/** Thresholds of V-trace, and its lambda. */
export interface VtraceOptions {
  /** rho-bar: clips the importance weights of the temporal differences. */
  readonly clipRhoThreshold: number;
  /** Clips the importance weights of the policy gradient. */
  readonly clipPgRhoThreshold: number;
  /** lambda: 1 in the paper. */
  readonly lambda: number;
}

/** What V-trace gives (Espeholt et al. 2018, equation 1 and section 4.2). */
export interface VtraceTargets {
  /** Value targets, [T, B], constants. */
  readonly vs: Tensor;
  /** rho_t (r_t + discount_t vs_{t+1} - V(x_t)), [T, B], constants. */
  readonly pgAdvantages: Tensor;
}

/**
 * With rho_t = min(rho-bar, exp(log_rho_t)) and c_t = lambda min(1, exp(log_rho_t)):
 *
 *   delta_t = rho_t (r_t + discount_t V(x_{t+1}) - V(x_t))
 *   vs_t - V(x_t) = delta_t + discount_t c_t (vs_{t+1} - V(x_{t+1}))
 *
 * No gradient flows through the results.
 */
export function vtrace(inputs: VtraceInputs, options: VtraceOptions): VtraceTargets {
  const [logRhos, discounts, rewards, values, bootstrapValue] = [
    inputs.logRhos,
    inputs.discounts,
    inputs.rewards,
    inputs.values,
    inputs.bootstrapValue,
  ].map(stopGradient) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const batch = values.size(1);
  const rhos = logRhos.exp();
  const clippedRhos = rhos.clamp(null, options.clipRhoThreshold);
  const cs = rhos.clamp(null, 1).mul(options.lambda);
  const valuesNext = cat([values.slice(0, 1), bootstrapValue.unsqueeze(0)], 0);
  const deltas = clippedRhos.mul(rewards.add(discounts.mul(valuesNext)).sub(values));
  const { ys } = scan(
    { carry: { excess: zeros([batch]) }, xs: { deltas, decay: discounts.mul(cs) }, reverse: true },
    ({ carry, x }) => {
      const excess = x.deltas.add(x.decay.mul(carry.excess));
      return { carry: { excess }, y: { excess } };
    },
  );
  const vs = ys.excess.add(values);
  const vsNext = cat([vs.slice(0, 1), bootstrapValue.unsqueeze(0)], 0);
  const pgRhos = rhos.clamp(null, options.clipPgRhoThreshold);
  return { vs, pgAdvantages: pgRhos.mul(rewards.add(discounts.mul(vsNext)).sub(values)) };
}
