import { beforeAll, describe, expect, test } from 'vitest';
import { smallestP } from '../../../src/compare/words.ts';
import { resample, type ResamplingAnswer, type ResamplingJob } from '../../../src/statistics/index.ts';
import { uniformStream } from '../../../src/train/index.ts';
import { needsPython, places, python, rejection } from '../runs/run-fixture.ts';

const settings = { resamples: 2000, seed: 7, confidence: 0.95 };
const never = new AbortController().signal;
const ask = (jobs: readonly ResamplingJob[], changes: Partial<typeof settings> = {}) =>
  resample(places, { ...settings, ...changes }, jobs, never);

const uniform = uniformStream(3n);
/** Scores of 5 runs in each of 6 games. */
const A = Array.from({ length: 6 }, (_, g) => Array.from({ length: 5 }, () => 0.2 * g + uniform() - 0.3));
const B = A.map((scores) => scores.map((score) => score + 0.1 + 0.3 * uniform()));

// Agarwal et al. 2021 and rliable's library/metrics.py, plainly.
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : mean(sorted.slice(middle - 1, middle + 1));
}
function interquartileMean(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.floor(0.25 * sorted.length);
  return mean(sorted.slice(cut, sorted.length - cut));
}
const gapTo1 = (values: readonly number[]) => 1 - mean(values.map((value) => Math.min(value, 1)));
function improvement(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  const wins = (x: number, y: number) => (x > y ? 1 : x === y ? 0.5 : 0);
  return mean(a.map((xs, g) => mean(xs.flatMap((x) => (b[g] ?? []).map((y) => wins(x, y))))));
}

/** Percentile bounds of a statistic over our own stratified resamples: scipy draws others, so bounds agree roughly. */
function bounds(statistic: (a: number[][]) => number, a: readonly (readonly number[])[]): [number, number] {
  const draw = uniformStream(99n);
  const values = Array.from({ length: 4000 }, () =>
    statistic(a.map((own) => own.map(() => own[Math.floor(draw() * own.length)] as number))),
  ).sort((x, y) => x - y);
  return [values[100] as number, values[3899] as number];
}

const THRESHOLDS = [0, 0.4, 0.8];
const UNEVEN = [Array<number>(40).fill(0), [3, 3]];
const JOBS = {
  pooled: { kind: 'aggregates', a: A, pooled: true },
  levels: { kind: 'aggregates', a: A, pooled: false },
  runs: { kind: 'runs', a: A, b: B },
  paired: { kind: 'paired', a: A, b: B },
  apart: { kind: 'independent', a: A, b: B },
  profile: { kind: 'profile', a: A, thresholds: THRESHOLDS },
  sixPairs: { kind: 'paired', a: [[1, 2, 3, 4, 5, 6]], b: [[0, 0, 0, 0, 0, 0]] },
  threeRuns: { kind: 'runs', a: [[4, 5, 6]], b: [[1, 2, 3]] },
  noDifference: { kind: 'paired', a: [[1, -1, 2, -2]], b: [[0, 0, 0, 0]] },
  uneven: { kind: 'paired', a: UNEVEN, b: UNEVEN.map((own) => own.map(() => 0)) },
} as const satisfies Record<string, ResamplingJob>;

describe.skipIf(python === null)(`resampling (${needsPython})`, { timeout: 60_000 }, () => {
  let answers: Readonly<Record<keyof typeof JOBS, ResamplingAnswer>>;
  beforeAll(async () => {
    const given = await ask(Object.values(JOBS));
    answers = Object.fromEntries(Object.keys(JOBS).map((name, i) => [name, given[i]])) as typeof answers;
  }, 60_000);

  test("aggregates have rliable's values, and the intervals of a stratified bootstrap", () => {
    const statistics = [
      (a: number[][]) => mean(a.map(mean)),
      (a: number[][]) => median(a.map(mean)),
      (a: number[][]) => interquartileMean(a.flat()),
      (a: number[][]) => gapTo1(a.flat()),
    ];
    const { pooled, levels } = answers;
    for (const [i, statistic] of statistics.entries()) {
      expect(pooled.value[i]).toBeCloseTo(statistic(A.map((scores) => [...scores])), 12);
      const [low, high] = bounds(statistic, A);
      expect(Math.abs((pooled.low[i] as number) - low)).toBeLessThan(0.1 * (high - low));
      expect(Math.abs((pooled.high[i] as number) - high)).toBeLessThan(0.1 * (high - low));
    }
    // One agent: a game has one score, its mean over levels.
    expect(levels.value[2]).toBeCloseTo(interquartileMean(A.map(mean)), 12);
    expect(levels.value[3]).toBeCloseTo(gapTo1(A.map(mean)), 12);
  });

  test('differences, improvement and profiles have the values of their formulas', () => {
    const { runs, paired, apart, profile } = answers;
    const difference = mean(A.map(mean)) - mean(B.map(mean));
    for (const answer of [runs, paired, apart]) expect(answer.value[0]).toBeCloseTo(difference, 12);
    expect(runs.improvement?.value[0]).toBeCloseTo(improvement(A, B), 12);
    for (const [i, tau] of THRESHOLDS.entries()) {
      const above = A.map((own) => own.filter((x) => x > tau).length / own.length);
      expect(profile.value[i]).toBeCloseTo(mean(above), 12);
    }
    // Pairs differ by 0.1 to 0.4, far less than values among themselves.
    const width = ({ low, high }: ResamplingAnswer) => (high[0] as number) - (low[0] as number);
    expect(width(paired)).toBeLessThan(0.5 * width(apart));
    expect(paired.high[0]).toBeLessThan(-0.1);
  });

  test('tests by permutation are exact where there are few values', () => {
    expect(answers.sixPairs.p).toBeCloseTo(2 / 2 ** 6, 12);
    // Three of six labels: 20 ways, one of them as extreme at each end.
    expect(answers.threeRuns.p).toBeCloseTo(2 / 20, 12);
    expect(smallestP([3, 3])).toBeCloseTo(2 / 20, 12);
    expect(answers.noDifference.p).toBe(1);
  });

  test('games count the same in a paired test however many levels they have', () => {
    // 40 zeros beside two large differences.
    expect(answers.uneven.value[0]).toBeCloseTo(1.5, 12);
  });

  test('equal requests have equal answers, another seed has other bounds', async () => {
    const [again, other] = [await ask([JOBS.pooled]), await ask([JOBS.pooled], { seed: 8 })];
    expect(again[0]).toEqual(answers.pooled);
    expect(other[0]?.value).toEqual(answers.pooled.value);
    expect(other[0]?.low).not.toEqual(answers.pooled.low);
  });

  test('a request that Python cannot answer is a sentence with a code', async () => {
    const error = await rejection(ask([{ kind: 'paired', a: [[1, 2]], b: [[1]] }]));
    const message = expect.stringContaining('equally many on both sides') as string;
    expect(error).toMatchObject({ code: 'STATISTICS_FAILED', message });
  });
});
