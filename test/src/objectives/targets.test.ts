/** V-trace, generalised advantages and reward scaling against the sums of the papers, written out in plain numbers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorSpec, trace } from '../../../src/graph/index.ts';
import {
  generalizedAdvantages,
  normalizeAdvantages,
  normalizeRewards,
  vtrace,
  type VtraceOptions,
} from '../../../src/objectives/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { flags, noise } from '../../support/random-numbers.ts';
import {
  computeNumbers,
  largestDifference,
  needsPython,
  python,
  startSession,
  tensor,
} from '../../support/session.ts';

const T = 9;
const B = 3;
const size = T * B;
const DISCOUNT = 0.9;
/** Row t, column b of a [T, B] list. */
const at = (values: readonly number[], t: number, b: number) => values[t * B + b]!;
const sequence = tensorSpec([T, B]);
const column = tensorSpec([B]);
/** [T, B] from a function of t and b. */
const table = (value: (t: number, b: number) => number) =>
  Array.from({ length: size }, (_, i) => value(Math.floor(i / B), i % B));

const data = {
  // exp from e^-1.5 to e^1.5: below and above every threshold.
  logRhos: noise(size, 1).map((value) => 1.5 * value),
  // Zero where the next observation begins an episode.
  discounts: flags(size, 4, 2).map((first) => DISCOUNT * (1 - first)),
  rewards: noise(size, 3).map((value) => 2 * value),
  values: noise(size, 4),
  bootstrap: noise(B, 5),
};
const valueAt = (t: number, b: number) => (t === T ? data.bootstrap[b]! : at(data.values, t, b));
const rho = (t: number, b: number) => Math.exp(at(data.logRhos, t, b));

/** Espeholt et al. 2018, eq. 1, term by term; gamma stands under the product because it differs from step to step. */
function paperTarget(s: number, b: number, { clipRhoThreshold, lambda }: VtraceOptions): number {
  let target = valueAt(s, b);
  for (let t = s; t < T; t++) {
    let weight = 1;
    for (let i = s; i < t; i++) weight *= at(data.discounts, i, b) * lambda * Math.min(1, rho(i, b));
    const difference = at(data.rewards, t, b) + at(data.discounts, t, b) * valueAt(t + 1, b) - valueAt(t, b);
    target += weight * Math.min(clipRhoThreshold, rho(t, b)) * difference;
  }
  return target;
}

function paperAdvantage(s: number, b: number, options: VtraceOptions): number {
  const next = s + 1 === T ? data.bootstrap[b]! : paperTarget(s + 1, b, options);
  const difference = at(data.rewards, s, b) + at(data.discounts, s, b) * next - valueAt(s, b);
  return Math.min(options.clipPgRhoThreshold, rho(s, b)) * difference;
}

describe.skipIf(python === null)(`a target (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  const paper = { clipRhoThreshold: 1, clipPgRhoThreshold: 1, lambda: 1 };
  it.each<[string, VtraceOptions]>([
    ['the thresholds of the paper', paper],
    ['a higher rho-bar', { ...paper, clipRhoThreshold: 2.5 }],
    ['thresholds that differ', { clipRhoThreshold: 0.7, clipPgRhoThreshold: 1.8, lambda: 1 }],
    ['lambda below 1', { ...paper, lambda: 0.8 }],
  ])("of V-trace is the paper's sum with %s", async (_, options) => {
    const specs = {
      logRhos: sequence,
      discounts: sequence,
      rewards: sequence,
      values: sequence,
      bootstrap: column,
    };
    const graph = trace('vtrace', specs, ({ bootstrap, ...inputs }) => ({
      ...vtrace({ ...inputs, bootstrapValue: bootstrap }, options),
    }));
    const inputs = Object.fromEntries(
      Object.entries(data).map(([name, values]) => [
        name,
        tensor(values, values.length === B ? [B] : [T, B]),
      ]),
    );
    const { vs, pgAdvantages } = await computeNumbers(session, graph, inputs);
    const ratios = table(rho);
    expect(Math.min(...ratios)).toBeLessThan(0.7);
    expect(Math.max(...ratios)).toBeGreaterThan(2.5);
    expect(data.discounts).toContain(0);
    expect(
      largestDifference(
        vs!,
        table((t, b) => paperTarget(t, b, options)),
      ),
    ).toBeLessThan(1e-5);
    expect(
      largestDifference(
        pgAdvantages!,
        table((t, b) => paperAdvantage(t, b, options)),
      ),
    ).toBeLessThan(1e-5);
  });

  it.each([0, 0.7, 1])(
    'of generalised advantages is the sum of discounted differences with lambda %d',
    async (lambda) => {
      const specs = { discounts: sequence, rewards: sequence, values: sequence, bootstrap: column };
      const graph = trace('gae', specs, ({ bootstrap, ...inputs }) => ({
        advantages: generalizedAdvantages({ ...inputs, bootstrapValue: bootstrap }, lambda),
      }));
      const { logRhos: _unused, ...rest } = data;
      const inputs = Object.fromEntries(
        Object.entries(rest).map(([name, values]) => [
          name,
          tensor(values, values.length === B ? [B] : [T, B]),
        ]),
      );
      const expected = table((s, b) => {
        let sum = 0;
        for (let t = s; t < T; t++) {
          let weight = 1;
          for (let i = s; i < t; i++) weight *= at(data.discounts, i, b) * lambda;
          sum +=
            weight * (at(data.rewards, t, b) + at(data.discounts, t, b) * valueAt(t + 1, b) - valueAt(t, b));
        }
        return sum;
      });
      const { advantages } = await computeNumbers(session, graph, inputs);
      expect(largestDifference(advantages!, expected)).toBeLessThan(1e-5);
    },
  );

  it('of normalised advantages has mean 0 and sample deviation 1', async () => {
    const graph = trace('normalized', { a: sequence }, ({ a }) => ({ a: normalizeAdvantages(a) }));
    const { a } = await computeNumbers(session, graph, { a: tensor(data.rewards, [T, B]) });
    const mean = data.rewards.reduce((sum, value) => sum + value, 0) / size;
    const variance = data.rewards.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (size - 1);
    const expected = data.rewards.map((value) => (value - mean) / Math.sqrt(variance));
    expect(largestDifference(a!, expected)).toBeLessThan(1e-5);
  });

  it('of scaled rewards uses the spread of all returns seen so far, unroll after unroll', async () => {
    const options = { discount: DISCOUNT, clip: 1.5 };
    const scalar = tensorSpec([]);
    const specs = {
      rewards: sequence,
      first: tensorSpec([T, B], 'bool'),
      running: column,
      mean: scalar,
      variance: scalar,
      count: scalar,
    };
    const graph = trace('scaled', specs, ({ rewards, first, ...statistics }) => {
      const result = normalizeRewards(rewards, first, statistics, options);
      return { rewards: result.rewards, ...result.statistics };
    });
    let state: Readonly<Record<string, readonly number[]>> = {
      running: [0, 0, 0],
      mean: [0],
      variance: [0],
      count: [0],
    };
    const running = [0, 0, 0];
    const seen: number[] = [];
    for (const unroll of [0, 1, 2]) {
      const rewards = noise(size, 10 + unroll).map((value) => (unroll + 1) * value + 0.5);
      const first = flags(size, 5, 20 + unroll);
      for (let t = 0; t < T; t++)
        for (let b = 0; b < B; b++) {
          running[b] = (at(first, t, b) === 1 ? 0 : DISCOUNT * running[b]!) + at(rewards, t, b);
          seen.push(running[b]!);
        }
      const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length;
      const variance = seen.reduce((sum, value) => sum + (value - mean) ** 2, 0) / seen.length;
      const result = await computeNumbers(session, graph, {
        rewards: tensor(rewards, [T, B]),
        first: tensor(first, [T, B], 'bool'),
        running: tensor(state['running']!, [B]),
        ...Object.fromEntries(['mean', 'variance', 'count'].map((name) => [name, tensor(state[name]!, [])])),
      });
      const scaled = rewards.map((value) =>
        Math.min(1.5, Math.max(-1.5, value / Math.sqrt(variance + 1e-8))),
      );
      expect(largestDifference(result['rewards']!, scaled)).toBeLessThan(1e-4);
      expect(largestDifference(result['running']!, running)).toBeLessThan(1e-4);
      expect(result['mean']![0]).toBeCloseTo(mean, 4);
      expect(result['variance']![0]).toBeCloseTo(variance, 4);
      expect(result['count']).toEqual([seen.length]);
      state = result;
    }
  });
});
