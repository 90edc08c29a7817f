/** Actor-critic losses against their formulas, written out on plain numbers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorSpec, trace } from '../../../src/graph/index.ts';
import {
  baselineLoss,
  clippedBaselineLoss,
  clippedPolicyLoss,
  clippedShare,
  entropy,
  logProbabilities,
  policyGradientLoss,
  reduce,
} from '../../../src/objectives/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import { computeNumbers, needsPython, python, startSession, tensor } from '../../support/session.ts';
import { logSoftmax } from './literal.ts';

const T = 3;
const B = 2;
const A = 4;
const CLIP = 0.2;
const perStep = tensorSpec([T, B]);
const logits = noise(T * B * A, 1).map((value) => 4 * value);
const actions = [0, 3, 1, 2, 3, 3];
const rows = Array.from({ length: T * B }, (_, i) => logSoftmax(logits.slice(i * A, (i + 1) * A)));
const chosen = rows.map((row, i) => row[actions[i]!]!);
const [behaviour, advantages, values, former, targets] = [2, 3, 4, 5, 6].map((seed) =>
  noise(T * B, seed),
) as [number[], number[], number[], number[], number[]];
// Ratios on both sides of the clip, with advantages of both signs.
const behaviourLogProbability = chosen.map((value, i) => value + behaviour[i]!);
const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0);

describe.skipIf(python === null)(`a loss in the worker (${needsPython})`, () => {
  let session: Session;
  let results: Readonly<Record<string, number[]>>;
  beforeAll(async () => {
    session = await startSession();
    const inputs = {
      logits: tensorSpec([T, B, A]),
      actions: tensorSpec([T, B], 'int64'),
      behaviour: perStep,
      advantages: perStep,
      values: perStep,
      former: perStep,
      targets: perStep,
    };
    const graph = trace('losses', inputs, (given) => {
      const logProbability = logProbabilities(given.logits, given.actions);
      return {
        logProbability,
        policyGradient: policyGradientLoss(logProbability, given.advantages),
        baseline: baselineLoss(given.values, given.targets),
        entropy: entropy(given.logits),
        clippedPolicy: clippedPolicyLoss(logProbability, given.behaviour, given.advantages, CLIP),
        clippedBaseline: clippedBaselineLoss(given.values, given.former, given.targets, CLIP),
        clippedShare: clippedShare(logProbability, given.behaviour, CLIP),
        sum: reduce(given.values, 'sum'),
        mean: reduce(given.values, 'mean'),
      };
    });
    results = await computeNumbers(session, graph, {
      logits: tensor(logits, [T, B, A]),
      actions: tensor(actions, [T, B], 'int64'),
      behaviour: tensor(behaviourLogProbability, [T, B]),
      advantages: tensor(advantages, [T, B]),
      values: tensor(values, [T, B]),
      former: tensor(former, [T, B]),
      targets: tensor(targets, [T, B]),
    });
  });
  afterAll(() => session?.close());

  const ratios = chosen.map((value, i) => Math.exp(value - behaviourLogProbability[i]!));
  it.each<[string, readonly number[]]>([
    ['logProbability', chosen],
    ['policyGradient', chosen.map((value, i) => -value * advantages[i]!)],
    ['baseline', values.map((value, i) => (targets[i]! - value) ** 2 / 2)],
    ['entropy', rows.map((row) => -sum(row.map((log) => Math.exp(log) * log)))],
    [
      'clippedPolicy',
      // Schulman et al. 2017, eq. 7, as a loss.
      ratios.map((r, i) => -Math.min(r * advantages[i]!, clamp(r, 1 - CLIP, 1 + CLIP) * advantages[i]!)),
    ],
    [
      'clippedBaseline',
      values.map((value, i) => {
        const limited = former[i]! + clamp(value - former[i]!, -CLIP, CLIP);
        return Math.max((value - targets[i]!) ** 2, (limited - targets[i]!) ** 2) / 2;
      }),
    ],
    ['clippedShare', [ratios.filter((r) => r < 1 - CLIP || r > 1 + CLIP).length / ratios.length]],
    ['sum', [sum(values)]],
    ['mean', [sum(values) / values.length]],
  ])('%s is its formula', (name, expected) => {
    const actual = results[name] ?? [];
    expect(actual).toHaveLength(expected.length);
    for (const [i, value] of expected.entries()) expect(actual[i], `element ${i}`).toBeCloseTo(value, 4);
  });
});
