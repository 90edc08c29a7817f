/** Agents: what reaches their core, how actions are drawn, and how many parameters the paper's have. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets, type ModelConfig } from '../../../src/config/index.ts';
import { tensorSpec, trace } from '../../../src/graph/index.ts';
import { greedyActions, sampleActions } from '../../../src/models/index.ts';
import { initialStateGraph } from '../../../src/train/agent.ts';
import { actGraph, agentOf, type Agent, type Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import {
  computeNumbers,
  largestDifference,
  needsPython,
  python,
  startSession,
  tensor,
} from '../../support/session.ts';
import { makeSet, runOn } from './sets.ts';

const BATCH = 4;
const TRAIN = presets.tiny().train;
const SPACES = { observationShape: [3, 3, 3], observationDtype: 'uint8' as const, numActions: 3 };
const models: Readonly<Record<string, ModelConfig>> = {
  feed_forward: { ...presets.tiny().model, core: { kind: 'feed_forward' } },
  srwm: presets.tiny().model,
};

it('takes observations of the dtype that the environment says', () => {
  const graph = actGraph(
    agentOf(presets.tiny().model, TRAIN, { ...SPACES, observationDtype: 'float32' }, false),
    BATCH,
    'greedy',
  );
  expect(graph.spec.inputs.find(({ name }) => name === 'observation')?.dtype).toBe('float32');
  expect(graph.text()).not.toContain('uint8');
});

describe.skipIf(python === null)(`policies (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
    for (const [name, model] of Object.entries(models)) {
      await makeSet(session, name, actGraph(agentOf(model, TRAIN, SPACES, false), BATCH, 'greedy'));
    }
  });
  afterAll(() => session.close());

  describe.each(Object.entries(models))('with core %s', (name, model) => {
    const agent = agentOf(model, TRAIN, SPACES, false);
    const pixels = (seed: number) => noise(BATCH * 27, seed).map((value) => Math.floor(128 + 127 * value));
    const plain = {
      observation: pixels(1),
      reward: [0.5, -0.5, 0.25, 0],
      isFirst: [0, 0, 0, 0],
    };

    /** Logits and baseline of one step from the state before any other. */
    async function act(who: Agent, changes: Partial<typeof plain>): Promise<number[]> {
      const { observation, reward, isFirst } = { ...plain, ...changes };
      const states = Object.entries(who.policy.stateShapes(BATCH)).map(
        ([key, shape]) =>
          [
            `state/${key}`,
            tensor(Array<number>(shape.reduce((size, dim) => size * dim, 1)).fill(0), shape),
          ] as const,
      );
      const graph = actGraph(who, BATCH, 'greedy');
      const given = {
        observation: tensor(observation, [1, BATCH, 3, 3, 3], 'uint8'),
        reward: tensor(reward, [1, BATCH]),
        is_first: tensor(isFirst, [1, BATCH], 'bool'),
        ...Object.fromEntries(states),
      };
      const used = graph.spec.inputs.map(({ name: input }) => [input, given[input as keyof typeof given]]);
      const { logits, baseline } = await runOn(session, name, graph, Object.fromEntries(used));
      return [...(logits as number[]), ...(baseline as number[])];
    }

    it('hears no reward at the first observation of an episode', async () => {
      const first = { isFirst: [1, 1, 1, 1] };
      const silent = await act(agent, { ...first, reward: [0, 0, 0, 0] });
      expect(await act(agent, { ...first, reward: [5, -5, 0.5, 100] })).toEqual(silent);
      expect(await act(agent, { reward: [0, 0, 0, 0] })).toEqual(silent);
      expect(largestDifference(await act(agent, {}), silent)).toBeGreaterThan(1e-4);
    });

    it('hears rewards clipped to the range from -1 to 1', async () => {
      const large = await act(agent, { reward: [5, -5, 1.5, -1000] });
      expect(large).toEqual(await act(agent, { reward: [1, -1, 1, -1] }));
      expect(large).not.toEqual(await act(agent, { reward: [0.9, -0.9, 0.9, -0.9] }));
    });

    it('hears what the former episode ended with where the leak of the released code is asked for', async () => {
      const leaky = agentOf({ ...model, rewardAtReset: 'former_episode' }, TRAIN, SPACES, false);
      const first = { isFirst: [1, 1, 1, 1] };
      const silent = await act(leaky, { ...first, reward: [0, 0, 0, 0] });
      const loud = await act(leaky, { ...first, reward: [5, -5, 0.5, 100] });
      expect(silent).toEqual(await act(agent, first));
      expect(largestDifference(loud, silent)).toBeGreaterThan(1e-4);
      expect(loud).toEqual(await act(leaky, { ...first, reward: [1, -1, 0.5, 1] }));
    });

    it('hears rewards as they are where nothing bounds them', async () => {
      const raw = agentOf({ ...model, rewardInput: 'none' }, TRAIN, SPACES, false);
      expect(await act(raw, { reward: [1, -1, 0.5, 0] })).toEqual(
        await act(agent, { reward: [1, -1, 0.5, 0] }),
      );
      const large = await act(raw, { reward: [5, -5, 1.5, -100] });
      expect(large).not.toEqual(await act(raw, { reward: [1, -1, 1, -1] }));
    });

    it('hears no reward at all where it is absent, and has no weights for it', () => {
      const deaf = agentOf({ ...model, rewardInput: 'absent' }, TRAIN, SPACES, false);
      const widths = (who: Agent) =>
        actGraph(who, BATCH, 'greedy').spec.parameters.map(({ shape }) => shape.at(-1));
      // 64 features and the reward.
      expect(widths(agent)).toContain(65);
      expect(widths(deaf)).not.toContain(65);
    });

    it('sees black images when it is blank, and still hears rewards', async () => {
      const blank = agentOf(model, TRAIN, SPACES, true);
      const black = await act(agent, { observation: Array<number>(BATCH * 27).fill(0) });
      expect(await act(blank, { observation: pixels(1) })).toEqual(black);
      expect(await act(blank, { observation: pixels(2) })).toEqual(black);
      expect(largestDifference(await act(agent, {}), black)).toBeGreaterThan(1e-4);
      expect(await act(blank, { reward: [1, 1, 1, 1] })).not.toEqual(black);
    });

    it('acts for each slot alone, whoever its neighbours are', async () => {
      const wanted = await act(agent, {});
      const changed = plain.observation.map((value, i) => (i < 27 ? value : 255 - value));
      const got = await act(agent, { observation: changed });
      const { numActions } = SPACES;
      expect(largestDifference(got.slice(0, numActions), wanted.slice(0, numActions))).toBeLessThan(1e-5);
      expect(got.slice(numActions)).not.toEqual(wanted.slice(numActions));
    });
  });

  it('starts a run from a state of zeros, and has none without memory', async () => {
    expect(initialStateGraph(agentOf(models['feed_forward'] as ModelConfig, TRAIN, SPACES, false), 2)).toBe(
      null,
    );
    const agent = agentOf(models['srwm'] as ModelConfig, TRAIN, SPACES, false);
    const graph = initialStateGraph(agent, BATCH);
    if (graph === null) throw new Error('a core with memory must have an initial state');
    const states = await computeNumbers(session, graph, {});
    const shapes = agent.policy.stateShapes(BATCH);
    expect(Object.keys(states).sort()).toEqual(
      Object.keys(shapes)
        .map((key) => `state/${key}`)
        .sort(),
    );
    for (const [key, shape] of Object.entries(shapes)) {
      const values = states[`state/${key}`] as number[];
      expect(values).toHaveLength(shape.reduce((size, dim) => size * dim, 1));
      expect(values.every((value) => value === 0)).toBe(true);
    }
  });

  /** An action a row, from the logits and the noise of that row. */
  async function sample(logits: readonly (readonly number[])[], noises: readonly number[]) {
    const numActions = (logits[0] as readonly number[]).length;
    const graph = trace(
      'sample',
      { logits: tensorSpec([logits.length, numActions]), noise: tensorSpec([logits.length]) },
      (inputs) => ({
        action: sampleActions(inputs.logits, inputs.noise),
        greedy: greedyActions(inputs.logits),
      }),
    );
    const { action, greedy } = await computeNumbers(session, graph, {
      logits: tensor(logits.flat(), [logits.length, numActions]),
      noise: tensor(noises),
    });
    return { action: action as number[], greedy: greedy as number[] };
  }

  const NEVER = -1e9;

  it('takes the first action that has mass for noise 0 and the last for noise just below 1', async () => {
    const rows = [
      [0, 0, 0, 0],
      [NEVER, 0, 1, NEVER],
      [NEVER, NEVER, 0, NEVER],
      [NEVER, NEVER, NEVER, 3],
      [0, NEVER, NEVER, NEVER],
    ];
    const lowest = await sample(rows, [0, 0, 0, 0, 0]);
    expect(lowest.action).toEqual([0, 1, 2, 3, 0]);
    const top = 0.999999;
    expect((await sample(rows, [top, top, top, top, top])).action).toEqual([3, 2, 2, 3, 0]);
    expect(lowest.greedy).toEqual([0, 2, 2, 3, 0]);
  });

  it('takes the next action from the very noise on at which the former has used up its mass', async () => {
    const even = [0, 0, 0, 0];
    const noises = [0.2499, 0.25, 0.4999, 0.5, 0.7499, 0.75];
    const { action } = await sample(
      noises.map(() => even),
      noises,
    );
    expect(action).toEqual([0, 1, 1, 2, 2, 3]);
  });

  it('draws every action as often as its probability says, over an even grid of noise', async () => {
    const count = 2000;
    const logits = [0.3, -1.2, 2, 0, -30];
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
    const { action } = await sample(
      Array.from({ length: count }, () => logits),
      Array.from({ length: count }, (_, i) => (i + 0.5) / count),
    );
    expect([...action].sort((a, b) => a - b)).toEqual(action);
    logits.forEach((value, i) => {
      const drawn = action.filter((taken) => taken === i).length / count;
      expect(Math.abs(drawn - Math.exp(value) / total)).toBeLessThan(1.5 / count);
    });
  });
});
