/** Whole losses of both training rules against plain TypeScript over the records of an unroll: rows, columns, signs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { algorithms, presets, type ImpalaConfig, type PpoConfig } from '../../../src/config/index.ts';
import { trace, type Tensor } from '../../../src/graph/index.ts';
import {
  agentOf,
  burnInGraph,
  frame,
  impalaObjective,
  policySpecs,
  ppoObjective,
  targetsGraph,
  type Session,
} from '../../../src/train/index.ts';
import { applyPolicy } from '../../../src/train/agent.ts';
import { flags, noise } from '../../support/random-numbers.ts';
import { needsPython, numbers, python, startSession, tensor } from '../../support/session.ts';
import { makeSet, runOn } from '../models/sets.ts';
import {
  generalizedAdvantage,
  logSoftmax,
  vtraceAdvantage,
  vtraceTarget,
  type Trajectory,
} from '../objectives/literal.ts';

const [T, B, A] = [6, 4, 3];
const CHOSEN = [3, 1];
const base = presets.tiny();
const core = { ...base.model.core, modelDim: 8, numHeads: 2, ffDim: 8 };
const model = {
  ...base.model,
  core,
  encoder: { kind: 'mlp', sizes: [8], scale: 0.01, shift: 0 },
  initialization: 'torch',
};
const agent = agentOf(
  model as typeof base.model,
  base.train,
  { observationShape: [5], observationDtype: 'uint8' as const, numActions: A },
  false,
);

const count = (T + 1) * B;
const record = {
  observation: noise(count * 5, 1).map((value) => Math.round(100 + 90 * value)),
  reward: noise(count, 2).map((value) => 3 * value),
  isFirst: flags(count, 4, 3),
  action: noise(T * B, 4).map((value) => Math.floor(((value + 1) / 2) * A)),
  behaviourLogits: noise(T * B * A, 5),
  baseline: noise(T * B, 6),
};
const stateShape = agent.policy.stateShapes(B)['layer0/fast_weight_delta'] as number[];
const state = noise(
  stateShape.reduce((a, b) => a * b, 1),
  7,
).map((value) => 0.3 * value);
const hosts = {
  observation: tensor(record.observation, [T + 1, B, 5], 'uint8'),
  reward: tensor(record.reward, [T + 1, B]),
  is_first: tensor(record.isFirst, [T + 1, B], 'bool'),
  action: tensor(record.action, [T, B], 'int64'),
  behaviour_logits: tensor(record.behaviourLogits, [T, B, A]),
  baseline: tensor(record.baseline, [T, B]),
  'state/layer0/fast_weight_delta': tensor(state, stateShape),
};

/** Step t of column b of an array [T or T + 1, B]. */
const at = (values: readonly number[], t: number, b: number): number => values[t * B + b]!;
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const steps = [...Array(T).keys()];
const overChosen = (f: (t: number, b: number) => number) => CHOSEN.flatMap((b) => steps.map((t) => f(t, b)));

describe.skipIf(python === null)(
  `a training rule in the worker (${needsPython})`,
  { timeout: 90_000 },
  () => {
    let session: Session;
    /** What the network says of all T + 1 observations: log pi [T + 1, B, A] and V [T + 1, B]. */
    let target: { readonly logPi: readonly number[][]; readonly values: readonly number[] };
    const logMu = Array.from({ length: T * B }, (_, i) =>
      logSoftmax(record.behaviourLogits.slice(i * A, (i + 1) * A)),
    );

    beforeAll(async () => {
      session = await startSession();
      const network = trace('network', policySpecs(agent, T + 1, B), (inputs) => {
        const { logits, baseline } = applyPolicy(agent, inputs);
        return { logits, values: baseline };
      });
      await makeSet(session, 'agent', network);
      const { action: _, behaviour_logits: __, baseline: ___, ...given } = hosts;
      const { logits, values } = await runOn(session, 'agent', network, given);
      const logPi = Array.from({ length: count }, (_, i) => logSoftmax(logits!.slice(i * A, (i + 1) * A)));
      target = { logPi, values: values! };
    });
    afterAll(() => session?.close());

    const logPi = (t: number, b: number) => target.logPi[t * B + b]![at(record.action, t, b)]!;
    const behaviour = (t: number, b: number) => logMu[t * B + b]![at(record.action, t, b)]!;
    const entropyAt = (t: number, b: number) =>
      -sum(target.logPi[t * B + b]!.map((log) => Math.exp(log) * log));

    /** The reward and the end of step t come with observation t + 1. */
    function trajectory(
      b: number,
      discount: number,
      rewardOf: (reward: number) => number,
      values: (t: number) => number,
    ): Trajectory {
      return {
        logRhos: steps.map((t) => logPi(t, b) - behaviour(t, b)),
        discounts: steps.map((t) => discount * (1 - at(record.isFirst, t + 1, b))),
        rewards: steps.map((t) => rewardOf(at(record.reward, t + 1, b))),
        values: steps.map(values),
        bootstrapValue: at(target.values, T, b),
      };
    }

    async function fetchOf(
      graph: ReturnType<typeof impalaObjective>,
      given: Readonly<Record<string, ReturnType<typeof tensor>>>,
    ): Promise<Record<string, number[]>> {
      const names = graph.spec.inputs.map(({ name }) => name);
      const fetch = graph.spec.outputs.map(({ name }) => name);
      const results = await session.run(graph, {
        set: 'agent',
        inputs: Object.fromEntries(names.map((name, i) => [name, frame(i)])),
        tensors: names.map((name) => given[name]!),
        fetch,
      });
      return Object.fromEntries(fetch.map((name, i) => [name, numbers(results[i])]));
    }

    it.each(['sum', 'mean'] as const)(
      'IMPALA: the loss is that of the papers over the chosen columns, as a %s',
      async (reduction) => {
        const config: ImpalaConfig = {
          kind: 'impala',
          discount: 0.9,
          lambda: 0.95,
          clipRhoThreshold: 1,
          clipPgRhoThreshold: 1.2,
          baselineCost: 0.5,
          entropyCost: 0.01,
          rewardClipping: 'abs_one',
          normalizeAdvantages: false,
          valueScale: { kind: 'none' },
          reduction,
        };
        const sizes = { numEnvs: B, batchSize: CHOSEN.length, unrollLength: T, burnIn: 0 };
        const result = await fetchOf(impalaObjective(agent, config, sizes), {
          ...hosts,
          columns: tensor(CHOSEN, [CHOSEN.length], 'int64'),
        });
        const literal = { rhoBar: 1, pgRhoBar: 1.2, cBar: 1, lambda: 0.95 };
        const column = (b: number) =>
          trajectory(
            b,
            0.9,
            (reward) => Math.min(1, Math.max(-1, reward)),
            (t) => at(target.values, t, b),
          );
        const reduce = reduction === 'sum' ? sum : mean;
        const policyLoss = reduce(
          overChosen((t, b) => -logPi(t, b) * vtraceAdvantage(column(b), t, literal)),
        );
        const baselineLoss = reduce(
          overChosen((t, b) => (vtraceTarget(column(b), t, literal) - at(target.values, t, b)) ** 2 / 2),
        );
        const entropy = overChosen(entropyAt);
        expect(result['policy_loss']?.[0]).toBeCloseTo(policyLoss, 3);
        expect(result['baseline_loss']?.[0]).toBeCloseTo(baselineLoss, 3);
        expect(result['entropy']?.[0]).toBeCloseTo(mean(entropy), 4);
        expect(result['loss']?.[0]).toBeCloseTo(policyLoss + 0.5 * baselineLoss - 0.01 * reduce(entropy), 3);
      },
    );

    it('burn-in: the loss is that of the later steps, from the state that the present parameters come to', async () => {
      const steps2 = 2;
      const sizes = { numEnvs: B, batchSize: CHOSEN.length, unrollLength: T, burnIn: steps2 };
      const warm = await fetchOf(burnInGraph(agent, steps2, T, B), hosts);
      const warmed = tensor(warm['state/layer0/fast_weight_delta']!, stateShape);
      const columns = tensor(CHOSEN, [CHOSEN.length], 'int64');
      const given = { ...hosts, 'state/layer0/fast_weight_delta': warmed, columns };
      const later = {
        observation: tensor(record.observation.slice(steps2 * B * 5), [T + 1 - steps2, B, 5], 'uint8'),
        reward: tensor(record.reward.slice(steps2 * B), [T + 1 - steps2, B]),
        is_first: tensor(record.isFirst.slice(steps2 * B), [T + 1 - steps2, B], 'bool'),
        action: tensor(record.action.slice(steps2 * B), [T - steps2, B], 'int64'),
        behaviour_logits: tensor(record.behaviourLogits.slice(steps2 * B * A), [T - steps2, B, A]),
      };
      const shorter = { ...sizes, unrollLength: T - steps2, burnIn: 0 };
      const whole = impalaObjective(agent, algorithms.impala, sizes);
      const wanted = await fetchOf(impalaObjective(agent, algorithms.impala, shorter), {
        ...given,
        ...later,
      });
      expect(await fetchOf(whole, given)).toEqual(wanted);
      const cold = await fetchOf(whole, { ...hosts, columns });
      expect(cold['loss']?.[0]).not.toBeCloseTo(wanted['loss']![0]!, 3);
      // The state is the one that the whole network has after those steps: what it says next is the same.
      const next = trace('next', policySpecs(agent, 1, B), (inputs) => ({
        values: applyPolicy(agent, inputs as Readonly<Record<string, Tensor>>).baseline,
      }));
      const { values } = await runOn(session, 'agent', next, {
        observation: tensor(
          record.observation.slice(steps2 * B * 5, (steps2 + 1) * B * 5),
          [1, B, 5],
          'uint8',
        ),
        reward: tensor(record.reward.slice(steps2 * B, (steps2 + 1) * B), [1, B]),
        is_first: tensor(record.isFirst.slice(steps2 * B, (steps2 + 1) * B), [1, B], 'bool'),
        'state/layer0/fast_weight_delta': warmed,
      });
      for (const b of [...Array(B).keys()]) expect(values?.[b]).toBeCloseTo(at(target.values, steps2, b), 4);
    });

    it('PPO: targets and loss are those of the papers over the chosen columns', async () => {
      const config: PpoConfig = {
        kind: 'ppo',
        discount: 0.9,
        lambda: 0.8,
        clip: 0.2,
        valueClip: 0.3,
        passes: 1,
        baselineCost: 0.5,
        entropyCost: 0.01,
        normalizeAdvantages: false,
        normalizeOver: 'unroll',
        normalizeRewards: false,
        rewardDiscount: null,
        rewardClip: 10,
      };
      // The core state after the unroll gives the value that bootstraps; here the last row stands alone.
      const after = noise(state.length, 8).map((value) => 0.3 * value);
      const last = trace('last', policySpecs(agent, 1, B), (inputs) => ({
        values: applyPolicy(agent, inputs as Readonly<Record<string, Tensor>>).baseline,
      }));
      const bootstrap = await runOn(session, 'agent', last, {
        observation: tensor(record.observation.slice(T * B * 5), [1, B, 5], 'uint8'),
        reward: tensor(record.reward.slice(T * B), [1, B]),
        is_first: tensor(record.isFirst.slice(T * B), [1, B], 'bool'),
        'state/layer0/fast_weight_delta': tensor(after, stateShape),
      });
      const targets = await fetchOf(targetsGraph(agent, config, T, B), {
        all_observations: hosts.observation,
        all_rewards: hosts.reward,
        all_is_first: hosts.is_first,
        action: hosts.action,
        behaviour_logits: hosts.behaviour_logits,
        baseline: hosts.baseline,
        'state/layer0/fast_weight_delta': tensor(after, stateShape),
        'scale/running': tensor(Array(B).fill(0), [B]),
        'scale/mean': tensor([0], []),
        'scale/variance': tensor([1], []),
        'scale/count': tensor([1], []),
      });
      const column = (b: number): Trajectory => ({
        ...trajectory(
          b,
          0.9,
          (reward) => reward,
          (t) => at(record.baseline, t, b),
        ),
        bootstrapValue: bootstrap['values']![b]!,
      });
      const advantage = (t: number, b: number) => generalizedAdvantage(column(b), t, 0.8);
      for (const b of [...Array(B).keys()])
        for (const t of steps) {
          expect(at(targets['advantages']!, t, b)).toBeCloseTo(advantage(t, b), 3);
          expect(at(targets['targets']!, t, b)).toBeCloseTo(advantage(t, b) + at(record.baseline, t, b), 3);
          expect(at(targets['behaviour_log_probability']!, t, b)).toBeCloseTo(behaviour(t, b), 4);
        }

      const sizes = { numEnvs: B, batchSize: CHOSEN.length, unrollLength: T, burnIn: 0 };
      const given = {
        ...hosts,
        former_values: hosts.baseline,
        advantages: tensor(targets['advantages']!, [T, B]),
        targets: tensor(targets['targets']!, [T, B]),
        behaviour_log_probability: tensor(targets['behaviour_log_probability']!, [T, B]),
        columns: tensor(CHOSEN, [CHOSEN.length], 'int64'),
      };
      const result = await fetchOf(ppoObjective(agent, config, sizes), given);
      // Normalised over the chosen columns alone, where the configuration says so.
      const over = { ...config, normalizeAdvantages: true, normalizeOver: 'update' as const };
      const own = overChosen(advantage);
      const spread = Math.sqrt(sum(own.map((one) => (one - mean(own)) ** 2)) / (own.length - 1));
      const normalized = (t: number, b: number) => (advantage(t, b) - mean(own)) / (spread + 1e-8);
      const clamp = (value: number, size: number, centre: number) =>
        Math.min(centre + size, Math.max(centre - size, value));
      const policyLossOf = (worth: (t: number, b: number) => number) =>
        mean(
          overChosen((t, b) => {
            const ratio = Math.exp(logPi(t, b) - behaviour(t, b));
            return -Math.min(ratio * worth(t, b), clamp(ratio, 0.2, 1) * worth(t, b));
          }),
        );
      const policyLoss = policyLossOf(advantage);
      const baselineLoss = mean(
        overChosen((t, b) => {
          const goal = advantage(t, b) + at(record.baseline, t, b);
          const limited = clamp(at(target.values, t, b), 0.3, at(record.baseline, t, b));
          return Math.max((at(target.values, t, b) - goal) ** 2, (limited - goal) ** 2) / 2;
        }),
      );
      const entropy = mean(overChosen(entropyAt));
      expect(result['policy_loss']?.[0]).toBeCloseTo(policyLoss, 4);
      expect(result['baseline_loss']?.[0]).toBeCloseTo(baselineLoss, 3);
      expect(result['entropy']?.[0]).toBeCloseTo(entropy, 4);
      expect(result['loss']?.[0]).toBeCloseTo(policyLoss + 0.5 * baselineLoss - 0.01 * entropy, 3);
      const apart = await fetchOf(ppoObjective(agent, over, sizes), given);
      expect(apart['policy_loss']?.[0]).toBeCloseTo(policyLossOf(normalized), 4);
      expect(apart['baseline_loss']).toEqual(result['baseline_loss']);
    });

    it('PPO: rewards are scaled by the return of their own discount', () => {
      const config = { ...algorithms.ppo, discount: 0.999 };
      const hashOf = (rewardDiscount: number | null) =>
        targetsGraph(agent, { ...config, rewardDiscount }, T, B).hash;
      expect(hashOf(0.999)).toBe(hashOf(null));
      expect(hashOf(0.99)).not.toBe(hashOf(null));
    });
  },
);
