/** Means with intervals, and the numbers of a run's status line. */
import { describe, expect, it } from 'vitest';
import { estimate, RecentReturns, ReturnsByGame, Stopwatch } from '../../../src/metrics/index.ts';

/** n values with mean 0 and sample variance 1, or as close as n odd allows. */
function spread(count: number): number[] {
  const raw = [...Array(count).keys()].map((i) => i - (count - 1) / 2);
  const deviation = Math.sqrt(raw.reduce((sum, value) => sum + value ** 2, 0) / (count - 1));
  return raw.map((value) => value / deviation);
}

describe('estimate', () => {
  // 97.5 % quantiles for n - 1 degrees of freedom, by numerical integration of the density.
  it.each([
    [2, 12.706204736174698],
    [3, 4.302652729749462],
    [10, 2.2621571627982053],
    [200, 1.971956544249395],
  ])("is as wide as Student's t says for %i values", (count, quantile) => {
    const { ci95, mean } = estimate(spread(count).map((value) => value + 7));
    const half = quantile / Math.sqrt(count);
    expect(mean).toBeCloseTo(7, 10);
    expect(ci95[1] - mean).toBeCloseTo(half, 4);
    expect(mean - ci95[0]).toBeCloseTo(half, 4);
  });

  it('is within a ten-thousandth of the quantile, for few values and for many', () => {
    // 97.5 % quantiles for 3, 4, 5, 7, 10, 19 and 49 degrees of freedom.
    const quantiles = {
      4: 3.18244630528,
      5: 2.7764451052,
      6: 2.57058183564,
      8: 2.36462425159,
      11: 2.22813885199,
      20: 2.09302405441,
      50: 2.00957523713,
    };
    for (const [count, quantile] of Object.entries(quantiles)) {
      const { ci95, mean } = estimate(spread(Number(count)));
      const width = (ci95[1] - mean) * Math.sqrt(Number(count));
      expect(Math.abs(width / quantile - 1), `${count} values`).toBeLessThan(1e-4);
    }
  });

  it('says nothing about the spread of one value', () => {
    expect(estimate([3])).toEqual({ count: 1, mean: 3, ci95: [NaN, NaN] });
  });

  it('has no width when all values are equal', () => {
    expect(estimate([2, 2, 2])).toEqual({ count: 3, mean: 2, ci95: [2, 2] });
  });
});

describe('recent returns', () => {
  it('are null before the first episode, and then those of the last episodes only', () => {
    const recent = new RecentReturns(3);
    expect(recent.estimate).toBeNull();
    for (const value of [1, 2, 3, 4, 5]) recent.add(value);
    expect(recent.values).toEqual([3, 4, 5]);
    expect(recent.estimate?.mean).toBe(4);
  });

  it('go on from those of a former session without changing them', () => {
    const former = [1, 2] as const;
    const recent = new RecentReturns(2, former);
    recent.add(3);
    expect(recent.values).toEqual([2, 3]);
    expect(former).toEqual([1, 2]);
  });
});

describe('returns by game', () => {
  it('keep the last of each game, however many episodes another one has', () => {
    const returns = new ReturnsByGame(3);
    for (let i = 0; i < 100; i++) returns.add('leaper', 1.5);
    for (const value of [1, 2, 3, 4]) returns.add('bigfish', value);
    expect(returns.values).toEqual({ bigfish: [2, 3, 4], leaper: [1.5, 1.5, 1.5] });
    expect(returns.estimates['bigfish']).toMatchObject({ count: 3, mean: 3 });
    expect(new ReturnsByGame(3, returns.values).values).toEqual(returns.values);
  });

  it('are normalised as the mean over games once each game has an episode', () => {
    const returns = new ReturnsByGame(3);
    returns.add('leaper', 10);
    expect(returns.normalized(['bigfish', 'leaper'], 'easy')).toBeNull();
    returns.add('bigfish', 20.5);
    expect(returns.normalized(['bigfish', 'leaper'], 'easy')).toBeCloseTo((0.5 + 1) / 2, 12);
    expect(returns.normalized(['bigfish', 'leaper'], 'hard')).toBeCloseTo((20.5 / 40 + 1) / 2, 12);
    expect(returns.normalized(['bigfish', 'leaper'], 'memory')).toBeNull();
    expect(returns.normalized(['catch'], null)).toBeNull();
  });
});

describe('a stopwatch', () => {
  it('gives shares in the proportion of what was added', () => {
    const watch = new Stopwatch();
    watch.add('act', 1);
    watch.add('env', 2);
    watch.add('env', 2);
    watch.add('learn', 0.5);
    const { act, env, learn, bridge } = watch.shares(1);
    expect(env / act).toBeCloseTo(4);
    expect(learn / act).toBeCloseTo(0.5);
    expect(bridge / act).toBeCloseTo(1);
  });
});
