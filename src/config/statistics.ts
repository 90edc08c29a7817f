/** How reports resample. */

/** Bootstrap and permutation resamples, the seed they are drawn with, and the confidence of intervals. */
export const statistics = { resamples: 10_000, seed: 0, confidence: 0.95 } as const;

/** A difference counts as significant below this p, if its interval leaves out 0 as well. */
export const SIGNIFICANCE = 0.05;

/** Runs of a group below which an interval is over levels alone, and below which one over runs is said to be shaky. */
export const RUNS = { forInterval: 3, forTrust: 5 } as const;
