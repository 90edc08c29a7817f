/** From pairs of measurements to one ratio with its interval. */

/** Both sides of one pair, taken one right after the other. */
export interface Pair {
  readonly ours: number;
  readonly rival: number;
}

export interface Summary {
  readonly median: number;
  /** Distribution-free interval of the median, of at least 95 % where `count` allows it (6 or more). */
  readonly interval: readonly [low: number, high: number];
  readonly count: number;
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('internal: a median needs a value');
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const at = (index: number): number => sorted[index] as number;
  return Number.isInteger(half) ? (at(half - 1) + at(half)) / 2 : at(Math.floor(half));
}

/**
 * Median and order-statistic interval: between the k-th smallest and the k-th largest value, for the largest k whose
 * binomial tail leaves 95 %. It assumes no distribution, which timings do not have.
 */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const k = rankOfInterval(sorted.length);
  const interval = [sorted[k - 1] as number, sorted[sorted.length - k] as number] as const;
  return { median: median(values), interval, count: values.length };
}

/** The largest k for which P(k-th smallest <= median <= k-th largest) >= 0.95, at least 1. */
export function rankOfInterval(count: number): number {
  let probability = 0.5 ** count;
  let tail = 0;
  let k = 0;
  while (tail + probability <= 0.025) {
    tail += probability;
    k += 1;
    probability *= (count - k + 1) / k;
  }
  return Math.max(k, 1);
}

/** The median of the pairs' ratios, each side's own median beside it. */
export function compare(pairs: readonly Pair[]): Summary & Pair {
  const ratios = summarize(pairs.map(({ ours, rival }) => ours / rival));
  return {
    ...ratios,
    ours: median(pairs.map((pair) => pair.ours)),
    rival: median(pairs.map((pair) => pair.rival)),
  };
}

/** Takes `count` pairs; the side that goes first alternates, so that neither always finds the other's caches. */
export async function takePairs(
  count: number,
  take: (oursFirst: boolean, index: number) => Promise<Pair>,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let index = 0; index < count; index++) pairs.push(await take(index % 2 === 0, index));
  return pairs;
}
