/** Losses and parts of an author's own: what they are given, and what is refused with their line. */
import { expect, test } from 'vitest';
import { presets, type ImpalaConfig, type PpoConfig } from '../../../src/config/index.ts';
import { stopGradient, type Tensor } from '../../../src/graph/index.ts';
import { policy, stepCore, type PolicyParts } from '../../../src/models/index.ts';
import {
  clippedBaselineLoss,
  clippedPolicyLoss,
  entropy,
  objective,
  type ObjectiveContext,
} from '../../../src/objectives/index.ts';
import { actGraph, agentOf, impalaObjective, ppoObjective, type OwnParts } from '../../../src/train/index.ts';

const SPACES = { observationShape: [8, 6, 3], observationDtype: 'uint8' as const, numActions: 3 };
const SIZES = { numEnvs: 4, batchSize: 2, unrollLength: 5, burnIn: 0 };
const { model, algorithm } = presets.tiny();
const impala = presets.procgenEasy().algorithm as ImpalaConfig;

const agent = (own: OwnParts = {}) => agentOf(model, presets.tiny().train, SPACES, false, own);
const withLoss = (compute: (context: ObjectiveContext) => Record<string, Tensor>) =>
  objective('mine', compute as Parameters<typeof objective>[1]);

test('the built-in loss written by hand is the same graph', () => {
  const { clip, valueClip, baselineCost, entropyCost } = algorithm as PpoConfig;
  const mine = objective('mine', ({ target, behaviour, batch }) => {
    const policyLoss = clippedPolicyLoss(
      target.logProbability,
      behaviour.logProbability,
      batch.advantages,
      clip,
    ).mean();
    const valueLoss = clippedBaselineLoss(
      target.values,
      behaviour.values,
      batch.returns,
      valueClip as number,
    ).mean();
    const spread = entropy(target.logits).mean();
    return { loss: policyLoss.add(valueLoss.mul(baselineCost)).sub(spread.mul(entropyCost)) };
  });
  const built = ppoObjective(agent(), algorithm as PpoConfig, SIZES);
  const own = ppoObjective(agent(), algorithm as PpoConfig, SIZES, mine);
  const lossOf = (text: string) =>
    text.split('\n').filter((line) => / (mul|add|sub|maximum|mean)\(/.test(line)).length;
  expect(own.name).toBe('mine');
  expect(own.spec.parameters).toEqual(built.spec.parameters);
  // The built-in one also reports the clipped share.
  expect(lossOf(own.text())).toBeLessThanOrEqual(lossOf(built.text()));
});

test('an objective reads the same shapes in both rules, and what a rule lacks is refused', () => {
  const shapes: Record<string, readonly number[]> = {};
  const read = withLoss(({ target, behaviour, batch }) => {
    for (const [name, tensor] of Object.entries({ ...target, ...behaviour, ...batch }))
      shapes[name] = tensor.shape;
    return { loss: target.values.mean() };
  });
  impalaObjective(agent(), impala, SIZES, read);
  expect(shapes).toMatchObject({ logits: [5, 2, 3], values: [5, 2], bootstrapValue: [2], rewards: [5, 2] });
  ppoObjective(agent(), algorithm as PpoConfig, SIZES, read);
  expect(shapes).toMatchObject({ advantages: [5, 2], returns: [5, 2], isFirst: [5, 2], actions: [5, 2] });
  const lacking = withLoss(({ batch }) => ({ loss: batch.advantages.mean() }));
  expect(() => impalaObjective(agent(), impala, SIZES, lacking)).toThrow(
    /"advantages" does not exist in the loss of this algorithm\.\n {4}at .*own-objective\.test\.ts/,
  );
  const bootstrap = withLoss(({ target }) => ({ loss: target.bootstrapValue.mean() }));
  expect(() => ppoObjective(agent(), algorithm as PpoConfig, SIZES, bootstrap)).toThrow(/"bootstrapValue"/);
});

test('what an objective returns is checked', () => {
  const refusal = (compute: (context: ObjectiveContext) => Record<string, Tensor>) => () =>
    impalaObjective(agent(), impala, SIZES, withLoss(compute));
  expect(refusal(({ target }) => ({ loss: target.values }))).toThrow(
    /"loss" must be a scalar \[\], floating, got float32 \[5, 2\]/,
  );
  expect(refusal(({ target }) => ({ loss: target.values.mean(), v: target.values }))).toThrow(
    /"v" must be a scalar/,
  );
  expect(refusal(({ target }) => ({ mean: target.values.mean() }))).toThrow(/got no tensor under "loss"/);
  expect(refusal(() => undefined as never)).toThrow(/got no tensor under "loss"/);
  expect(refusal(({ batch }) => ({ loss: stopGradient(batch.rewards).mean() }))).not.toThrow();
  expect(() => objective('my loss/..', () => undefined as never)).toThrow(/GRAPH_NAME|letters, digits/);
});

test('parts of an agent are checked where they give something back', () => {
  const refusal = (parts: PolicyParts) => () => actGraph(agent({ policy: policy(parts) }), 4, 'greedy');
  expect(refusal({ encoder: (x) => x.to('float32') })).toThrow(
    /encoder: must return floating features \[N, M\].*got float32 \[4, 8, 6, 3\]/,
  );
  const lost = { stateShapes: () => ({ h: [4, 2] }), apply: (x: Tensor) => ({ y: x, state: {} }) };
  expect(refusal({ core: lost })).toThrow(/every state that stateShapes names, got no "h"/);
  const flat = { stateShapes: () => ({}), apply: (x: Tensor) => ({ y: x.flatten(0, 1), state: {} }) };
  expect(refusal({ core: flat })).toThrow(/core: must return y \[T, B, M\] with T = 1, B = 4/);
  const grown = stepCore('grown', { size: 4 }, (x) => [x, x]);
  expect(refusal({ core: grown })).toThrow(/own-objective\.test\.ts/);
});
