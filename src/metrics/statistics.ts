/** Means with intervals. */

export interface Estimate {
  readonly count: number;
  readonly mean: number;
  /** 95 % interval of the mean: Student's t on the sample's standard error. */
  readonly ci95: readonly [low: number, high: number];
}

/** NaN bounds for fewer than two values: one value has no spread. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = count < 2 ? NaN : studentT975(count - 1) * Math.sqrt(variance / count);
  return { count, mean, ci95: [mean - half, mean + half] };
}

/** 97.5 % quantiles of Student's t for 1 to 9 degrees of freedom, where the expansion below is too short. */
const FEW_DEGREES = [
  12.706204736, 4.30265273, 3.182446305, 2.776445105, 2.570581836, 2.446911851, 2.364624252, 2.306004135,
  2.262157163,
];

/** The 97.5 % quantile of Student's t: beyond the table by the expansion of Abramowitz and Stegun 26.7.5, within 1e-4. */
function studentT975(degrees: number): number {
  const listed = FEW_DEGREES[degrees - 1];
  if (listed !== undefined) return listed;
  const z = 1.959963984540054;
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + g1 / degrees + g2 / degrees ** 2 + g3 / degrees ** 3;
}
