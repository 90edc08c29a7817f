/** The papers' formulas, word for word, on plain arrays: slow, obvious, one trajectory at a time. */

/** One env's column of an unroll. */
export interface Trajectory {
  readonly logRhos: readonly number[];
  /** gamma * (1 - is_first_{t+1}). */
  readonly discounts: readonly number[];
  readonly rewards: readonly number[];
  readonly values: readonly number[];
  readonly bootstrapValue: number;
}

const product = (factors: readonly number[]): number => factors.reduce((a, b) => a * b, 1);

/** V(x_t) for t up to and including T. */
const valueAt = ({ values, bootstrapValue }: Trajectory, t: number): number => values[t] ?? bootstrapValue;

/**
 * Espeholt et al. 2018, eq. 1: v_s = V(x_s) + sum_{t=s}^{T-1} gamma^{t-s} (prod_{i=s}^{t-1} c_i) delta_t V, with
 * delta_t V = rho_t (r_t + gamma V(x_{t+1}) - V(x_t)), rho_t = min(rho-bar, pi/mu), c_i = lambda min(c-bar, pi/mu).
 * gamma^{t-s} is the product of the discounts of the steps from s to t - 1.
 */
export function vtraceTarget(
  trajectory: Trajectory,
  s: number,
  options: { readonly rhoBar: number; readonly cBar: number; readonly lambda: number },
): number {
  const { logRhos, discounts, rewards, values } = trajectory;
  const ratio = (t: number) => Math.exp(logRhos[t]!);
  let sum = valueAt(trajectory, s);
  for (let t = s; t < rewards.length; t++) {
    const between = [...values.keys()].slice(s, t);
    const gammas = product(between.map((i) => discounts[i]!));
    const cs = product(between.map((i) => options.lambda * Math.min(options.cBar, ratio(i))));
    const temporalDifference = rewards[t]! + discounts[t]! * valueAt(trajectory, t + 1) - values[t]!;
    sum += gammas * cs * Math.min(options.rhoBar, ratio(t)) * temporalDifference;
  }
  return sum;
}

/** Section 4.2: rho_s (r_s + gamma v_{s+1} - V(x_s)), where v_T = V(x_T). */
export function vtraceAdvantage(
  trajectory: Trajectory,
  s: number,
  options: {
    readonly rhoBar: number;
    readonly cBar: number;
    readonly lambda: number;
    readonly pgRhoBar: number;
  },
): number {
  const { logRhos, discounts, rewards, values } = trajectory;
  const next = s + 1 < rewards.length ? vtraceTarget(trajectory, s + 1, options) : trajectory.bootstrapValue;
  const rho = Math.min(options.pgRhoBar, Math.exp(logRhos[s]!));
  return rho * (rewards[s]! + discounts[s]! * next - values[s]!);
}

/** Schulman et al. 2016, eq. 16: A_s = sum_{l >= 0} (gamma lambda)^l delta_{s+l}, cut where an episode ends. */
export function generalizedAdvantage(trajectory: Trajectory, s: number, lambda: number): number {
  const { discounts, rewards, values } = trajectory;
  let sum = 0;
  for (let t = s; t < rewards.length; t++) {
    const weights = discounts.slice(s, t).map((discount) => discount * lambda);
    sum += product(weights) * (rewards[t]! + discounts[t]! * valueAt(trajectory, t + 1) - values[t]!);
  }
  return sum;
}

/** log(exp(x_i) / sum_j exp(x_j)). */
export function logSoftmax(logits: readonly number[]): number[] {
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  return logits.map((logit) => logit - Math.log(total));
}
