/** Losses against their formulas in plain numbers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorSpec, trace } from '../../../src/graph/index.ts';
import * as objectives from '../../../src/objectives/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import {
  computeNumbers,
  largestDifference,
  needsPython,
  python,
  startSession,
  tensor,
} from '../../support/session.ts';

const T = 4;
const B = 3;
const A = 5;
const size = T * B;
const sequence = tensorSpec([T, B]);

const data = {
  logits: noise(size * A, 1).map((value) => 3 * value),
  actions: noise(size, 2).map((value) => Math.floor(((value + 1) / 2) * A)),
  behaviour: noise(size, 3).map((value) => -1.5 + value),
  advantages: noise(size, 4),
  values: noise(size, 5),
  former: noise(size, 6),
  targets: noise(size, 7),
};

const softmax = data.actions.map((_, i) => {
  const powers = data.logits.slice(i * A, (i + 1) * A).map(Math.exp);
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
});
const logProbability = softmax.map((probabilities, i) => Math.log(probabilities[data.actions[i]!]!));
const between = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
const CLIP = 0.2;
const ratios = logProbability.map((value, i) => Math.exp(value - data.behaviour[i]!));

const expected = {
  logProbability,
  policyGradient: logProbability.map((value, i) => -value * data.advantages[i]!),
  baseline: data.values.map((value, i) => (data.targets[i]! - value) ** 2 / 2),
  entropy: softmax.map((probabilities) => -probabilities.reduce((sum, p) => sum + p * Math.log(p), 0)),
  clippedPolicy: ratios.map((ratio, i) => {
    const advantage = data.advantages[i]!;
    return -Math.min(ratio * advantage, between(ratio, 1 - CLIP, 1 + CLIP) * advantage);
  }),
  clippedBaseline: data.values.map((value, i) => {
    const limited = data.former[i]! + between(value - data.former[i]!, -CLIP, CLIP);
    return Math.max((value - data.targets[i]!) ** 2, (limited - data.targets[i]!) ** 2) / 2;
  }),
  clippedShare: [ratios.filter((ratio) => Math.abs(ratio - 1) > CLIP).length / size],
  sum: [data.values.reduce((total, value) => total + value, 0)],
  mean: [data.values.reduce((total, value) => total + value, 0) / size],
};

describe.skipIf(python === null)(`a loss (${needsPython})`, () => {
  let session: Session;
  let results: Readonly<Record<string, readonly number[]>>;
  beforeAll(async () => {
    session = await startSession();
    const { logits, actions, ...others } = data;
    const specs = {
      logits: tensorSpec([T, B, A]),
      actions: tensorSpec([T, B], 'int64'),
      behaviour: sequence,
      advantages: sequence,
      values: sequence,
      former: sequence,
      targets: sequence,
    };
    const graph = trace('losses', specs, (given) => {
      const taken = objectives.logProbabilities(given.logits, given.actions);
      return {
        logProbability: taken,
        policyGradient: objectives.policyGradientLoss(taken, given.advantages),
        baseline: objectives.baselineLoss(given.values, given.targets),
        entropy: objectives.entropy(given.logits),
        clippedPolicy: objectives.clippedPolicyLoss(taken, given.behaviour, given.advantages, CLIP),
        clippedBaseline: objectives.clippedBaselineLoss(given.values, given.former, given.targets, CLIP),
        clippedShare: objectives.clippedShare(taken, given.behaviour, CLIP),
        sum: objectives.reduce(given.values, 'sum'),
        mean: objectives.reduce(given.values, 'mean'),
      };
    });
    results = await computeNumbers(session, graph, {
      logits: tensor(logits, [T, B, A]),
      actions: tensor(actions, [T, B], 'int64'),
      ...Object.fromEntries(Object.entries(others).map(([name, values]) => [name, tensor(values, [T, B])])),
    });
  });
  afterAll(() => session?.close());

  it.each(Object.entries(expected))('is its formula: %s', (name, values) => {
    expect(largestDifference(results[name]!, values)).toBeLessThan(1e-5);
  });

  it('was checked on both sides of every clip', () => {
    expect(ratios.some((ratio) => ratio < 1 - CLIP)).toBe(true);
    expect(ratios.some((ratio) => ratio > 1 + CLIP)).toBe(true);
    expect(ratios.some((ratio) => Math.abs(ratio - 1) < CLIP)).toBe(true);
    const moves = data.values.map((value, i) => Math.abs(value - data.former[i]!));
    expect(Math.min(...moves)).toBeLessThan(CLIP);
    expect(Math.max(...moves)).toBeGreaterThan(CLIP);
  });

  it('of the entropy is log A for equal logits, and 0 for a certain action', async () => {
    const graph = trace('entropy', { logits: tensorSpec([1, 2, 4]) }, ({ logits }) => ({
      entropy: objectives.entropy(logits),
    }));
    const logits = tensor([3, 3, 3, 3, 0, 0, 90, 0], [1, 2, 4]);
    const { entropy } = await computeNumbers(session, graph, { logits });
    expect(entropy![0]).toBeCloseTo(Math.log(4), 6);
    expect(entropy![1]).toBeCloseTo(0, 6);
  });
});
