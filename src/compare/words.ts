/** A difference in a sentence: what was found, how sure it is, and what it says nothing about. */
import { statistics } from '../config/index.ts';
import type { ComparePair } from './report.ts';

/** `counts` are the numbers of runs of both groups. */
export function pairWords(
  pair: Omit<ComparePair, 'words'>,
  measure: string,
  ...counts: readonly number[]
): string {
  const { a, b, split, over, difference, ci95, p, significant } = pair;
  const [low, high] = ci95.map((bound) => signed(bound)) as [string, string];
  const size = `${signed(difference)} ${measure} [${low}, ${high}]${p === null ? '' : `, p ${shownP(p)}`}`;
  const subject = `${a} against ${b} on ${split}: ${size}`;
  if (significant) {
    const limit = over === 'runs' ? '' : `; these agents, on levels like these: another seed may change it`;
    return `${subject}: ${a} is ${difference > 0 ? 'better' : 'worse'}${limit}`;
  }
  return `${subject}: not significant${whyNot(pair, counts)}`;
}

function whyNot(
  { over, ci95: [low, high], p }: Omit<ComparePair, 'words'>,
  counts: readonly number[],
): string {
  const leavesOutZero = low > 0 || high < 0;
  if (over === 'runs' && leavesOutZero && smallestP(counts) >= 0.05)
    return `; with ${counts.join(' and ')} runs no difference can be (the smallest possible p is ${smallestP(counts).toFixed(2)}): train more seeds`;
  if (leavesOutZero && p !== null) return '; the interval leaves out 0 but the test does not';
  return '';
}

/** Of a two-sided permutation test of two groups: the labels as they are, and all exchanged where the groups are as large. */
export function smallestP([n = 0, m = 0]: readonly number[]): number {
  let ways = 1;
  for (let i = 1; i <= n; i++) ways = (ways * (m + i)) / i;
  return Math.min(1, 2 / Math.round(ways));
}

function shownP(p: number): string {
  const least = 1 / (statistics.resamples + 1);
  return p <= 2 * least ? `< ${(2 * least).toPrecision(1)}` : p.toPrecision(2);
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(3)}`;
}
