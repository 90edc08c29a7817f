import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compare, median, rankOfInterval, summarize, takePairs } from '../../bench/statistics.ts';

test('takes the middle value, or the mean of the two middle ones', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('covers the median with 95 % and no rank further in would', () => {
  const binomial = (n: number, k: number): number => (k === 0 ? 1 : (binomial(n, k - 1) * (n - k + 1)) / k);
  const coverage = (n: number, k: number): number => {
    let tail = 0;
    for (let i = 0; i < k; i++) tail += binomial(n, i) * 0.5 ** n;
    return 1 - 2 * tail;
  };
  expect(rankOfInterval(9)).toBe(2);
  for (let n = 6; n <= 60; n++) {
    const k = rankOfInterval(n);
    expect(coverage(n, k)).toBeGreaterThanOrEqual(0.95);
    expect(coverage(n, k + 1)).toBeLessThan(0.95);
  }
});

test('falls back to the range where too few values are given', () => {
  expect(summarize([2, 1, 3])).toEqual({ median: 2, interval: [1, 3], count: 3 });
});

test('keeps the median inside its interval, whatever the order of the values', () => {
  const values = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(values, (sample) => {
      const { median: middle, interval } = summarize(sample);
      expect(interval[0]).toBeLessThanOrEqual(middle);
      expect(interval[1]).toBeGreaterThanOrEqual(middle);
      expect(summarize([...sample].reverse())).toEqual(summarize(sample));
    }),
  );
});

test('takes the ratio pair by pair, so that a slow spell of the machine cancels', () => {
  const pairs = [1, 1, 1, 5, 5, 1, 1, 1, 1].map((slow) => ({ ours: 2 * slow, rival: slow }));
  expect(compare(pairs)).toMatchObject({ median: 2, interval: [2, 2], ours: 2, rival: 1, count: 9 });
});

test('alternates which side goes first', async () => {
  const order: boolean[] = [];
  await takePairs(4, async (oursFirst) => {
    order.push(oursFirst);
    return { ours: 1, rival: 1 };
  });
  expect(order).toEqual([true, false, true, false]);
});
