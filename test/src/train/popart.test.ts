/** PopArt: what values say stays the same when their units move, and two games of unlike rewards are both learnt. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { algorithms, presets, type Config, type ImpalaConfig } from '../../../src/config/index.ts';
import { tensorSpec, trace } from '../../../src/graph/index.ts';
import { rescaledHead, updatedMoments, valueScale } from '../../../src/objectives/index.ts';
import {
  actGraph,
  agentOf,
  frame,
  handle,
  impalaObjective,
  Learner,
  randomKey,
  uniformStream,
  type Session,
} from '../../../src/train/index.ts';
import { PopArt, rescaleGraph } from '../../../src/train/impala/popart.ts';
import { noise } from '../../support/random-numbers.ts';
import { computeNumbers, needsPython, numbers, python, startSession, tensor } from '../../support/session.ts';

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const OPTIONS = { kind: 'popart' as const, stepSize: 0.1, minScale: 1e-4, maxScale: 1e6 };

/** Contextual bandits: the observation says which of two games it is and one of 3 contexts, whose action pays. */
const [TASKS, CONTEXTS, B] = [2, 3, 16];
const tasks = Array.from({ length: B }, (_, slot) => slot % TASKS);
const model: Config['model'] = {
  ...presets.tiny().model,
  core: { kind: 'feed_forward' },
  encoder: { kind: 'mlp', sizes: [16], scale: 1, shift: 0 },
  initialization: 'torch',
};
const SPACES = {
  observationShape: [TASKS * CONTEXTS],
  observationDtype: 'uint8' as const,
  numActions: CONTEXTS,
};
const sizes = { numEnvs: B, batchSize: B, unrollLength: 1, burnIn: 0, tasks };

describe.skipIf(python === null)(`PopArt in the worker (${needsPython})`, { timeout: 60_000 }, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  const momentInputs = { mean: tensorSpec([3]), second: tensorSpec([3]) };
  const targets = noise(4 * 5, 1).map((value) => 3 * value);
  const owners = [0, 2, 0, 2, 2];
  const start = { mean: [0.5, -1, 2], second: [1, 5, 4.25] };
  const hosts = { mean: tensor(start.mean), second: tensor(start.second) };

  it('moves the moments of each task towards those of its targets, and leaves a task without targets', async () => {
    const graph = trace(
      'moments',
      { ...momentInputs, targets: tensorSpec([4, 5]), tasks: tensorSpec([5], 'int64') },
      (given) => {
        const next = updatedMoments(given, given.targets, given.tasks, OPTIONS);
        return { ...next, scale: valueScale(next, OPTIONS) };
      },
    );
    const given = { ...hosts, tasks: tensor(owners, [5], 'int64') };
    const found = await computeNumbers(session, graph, { ...given, targets: tensor(targets, [4, 5]) });
    for (const task of [0, 1, 2]) {
      const own = targets.filter((_, i) => owners[i % 5] === task);
      const step = (before: number, values: readonly number[]) =>
        own.length === 0 ? before : 0.9 * before + (0.1 * sum(values)) / own.length;
      const mean = step(start.mean[task]!, own);
      const second = step(
        start.second[task]!,
        own.map((value) => value ** 2),
      );
      expect(found['mean']?.[task]).toBeCloseTo(mean, 5);
      expect(found['second']?.[task]).toBeCloseTo(second, 5);
      expect(found['scale']?.[task]).toBeCloseTo(Math.sqrt(second - mean ** 2), 4);
    }
    const broken = targets.map((value, i) => (i === 7 ? NaN : value));
    const kept = await computeNumbers(session, graph, { ...given, targets: tensor(broken, [4, 5]) });
    expect(kept['mean']?.[2]).toBeCloseTo(2, 6);
    expect(kept['second']?.[2]).toBeCloseTo(4.25, 6);
  });

  it('bounds the scale, also where the moments are those of a constant', async () => {
    const graph = trace('scale', momentInputs, (given) => ({
      scale: valueScale(given, { ...OPTIONS, minScale: 0.5, maxScale: 3 }),
    }));
    const given = { mean: tensor([2, 0, 1000]), second: tensor([5, 1e6, 999_999.9]) };
    expect((await computeNumbers(session, graph, given))['scale']).toEqual([1, 3, 0.5]);
  });

  it('rescales the head so that it says the same of every input, to the precision of float32', async () => {
    const unit = { mean: tensorSpec([3]), scale: tensorSpec([3]) };
    const graph = trace(
      'preserve',
      {
        x: tensorSpec([7, 4]),
        weight: tensorSpec([3, 4]),
        bias: tensorSpec([3]),
        'former/mean': unit.mean,
        'former/scale': unit.scale,
        'next/mean': unit.mean,
        'next/scale': unit.scale,
      },
      (given) => {
        const former = { mean: given['former/mean'], scale: given['former/scale'] };
        const next = { mean: given['next/mean'], scale: given['next/scale'] };
        const head = rescaledHead(given, former, next);
        const say = (w: typeof head, u: typeof former) =>
          given.x.matmul(w.weight.transpose(0, 1)).add(w.bias).mul(u.scale).add(u.mean);
        return { before: say({ weight: given.weight, bias: given.bias }, former), after: say(head, next) };
      },
    );
    const { before, after } = await computeNumbers(session, graph, {
      x: tensor(noise(28, 2), [7, 4]),
      weight: tensor(noise(12, 3), [3, 4]),
      bias: tensor(noise(3, 4)),
      'former/mean': tensor([0, 10, -3]),
      'former/scale': tensor([1, 250, 0.01]),
      'next/mean': tensor([5, -40, -3.2]),
      'next/scale': tensor([100, 3, 0.02]),
    });
    for (const [i, value] of before!.entries()) {
      const size = 40 + Math.abs(value);
      expect(Math.abs(after![i]! - value) / size, `element ${i}`).toBeLessThan(1e-6);
    }
  });

  /** A learner over the bandits, in a parameter set of its own. */
  async function makeLearner(name: string, config: ImpalaConfig, learningRate: number) {
    const agent = agentOf(
      model,
      { bptt: 'unroll', unrollLength: 1 },
      SPACES,
      false,
      {},
      { numValues: config.valueScale.kind === 'none' ? 1 : TASKS, precision: 'float32' },
    );
    const graph = impalaObjective(agent, config, sizes);
    const act = actGraph(agent, B, 'sampled');
    await session.createParameters(name, [act], 5);
    const learner = new Learner(session, name, name, 40);
    await learner.create({ kind: 'rmsprop', alpha: 0.99, epsilon: 0.01, momentum: 0 });
    const popArt = config.valueScale.kind === 'none' ? null : new PopArt(session, graph, config.valueScale);
    await popArt?.prepare(true);
    const update = async (data: Readonly<Record<string, ReturnType<typeof tensor>>>) => {
      const names = Object.keys(data);
      const result = await learner.update({
        graph,
        inputs: { ...Object.fromEntries(names.map((one, i) => [one, frame(i)])), ...popArt?.inputs },
        tensors: names.map((one) => data[one]!),
        learningRate,
        ...(popArt && { rescaling: popArt.rescaling }),
      });
      await popArt?.keep();
      return result;
    };
    return { act, update };
  }

  const observationOf = (contexts: readonly number[]) =>
    contexts.flatMap((context, slot) =>
      Array.from({ length: TASKS * CONTEXTS }, (_, i) => Number(i === tasks[slot]! * CONTEXTS + context)),
    );
  const always = (shape: readonly number[]) =>
    tensor(Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape, 'bool');

  const parametersOf = async (set: string) => {
    const names = [
      'head/baseline/weight',
      'head/baseline/bias',
      'head/policy/weight',
      'encoder/dense0/weight',
    ];
    const known = await session.exchange('get', { handles: [], set, parameters: names });
    return known.tensors.flatMap((one) => numbers(one));
  };

  it('one update is: rescale the head, then step with the new moments', async () => {
    const popart: ImpalaConfig = { ...algorithms.impala, rewardClipping: 'none', valueScale: OPTIONS };
    const fixed: ImpalaConfig = { ...popart, valueScale: { ...OPTIONS, stepSize: 1e-30 } };
    const data = {
      observation: tensor(
        [...observationOf(tasks.map((_, i) => i % 3)), ...observationOf(tasks.map(() => 0))],
        [2, B, 6],
        'uint8',
      ),
      reward: tensor(
        [...Array<number>(B).fill(0), ...tasks.map((task, i) => (task === 0 ? 1 : 50) * (i % 3))],
        [2, B],
      ),
      is_first: always([2, B]),
      action: tensor(
        tasks.map((_, i) => i % 2),
        [1, B],
        'int64',
      ),
      behaviour_logits: tensor(noise(B * 3, 9), [1, B, 3]),
    };
    const moving = await makeLearner('moving', popart, 0.01);
    await moving.update(data);
    const moments = { mean: 'value_moments/mean', second: 'value_moments/second' };
    const after = await session.exchange('get', {
      handles: Object.values(moments),
      set: null,
      parameters: [],
    });
    expect(numbers(after.tensors[1])[1]).toBeGreaterThan(50);

    // The same by hand: the fresh head is rescaled to the moments that the first update came to, which then stay.
    const still = await makeLearner('still', fixed, 0.01);
    const rescale = rescaleGraph({ weight: [TASKS, 17], bias: [TASKS] }, OPTIONS);
    await session.call(
      'assign',
      {
        into: 'still',
        set: 'still',
        graph: await session.load(rescale),
        inputs: {
          'value_moments/mean': handle('value_moments/mean'),
          'value_moments/second': handle('value_moments/second'),
          'value_moments/next/mean': frame(0),
          'value_moments/next/second': frame(1),
        },
        version: null,
      },
      [...after.tensors],
    );
    await session.call('put', { handles: Object.values(moments) }, after.tensors);
    await still.update(data);
    const [a, b] = [await parametersOf('moving'), await parametersOf('still')];
    for (const [i, value] of a.entries()) expect(b[i]).toBeCloseTo(value, 5);
  });

  /** How likely the paying actions of each game are after some updates of the same data stream. */
  async function learn(name: string, valueScaleKind: 'none' | 'popart'): Promise<number[]> {
    const scale = valueScaleKind === 'none' ? ({ kind: 'none' } as const) : OPTIONS;
    const config: ImpalaConfig = { ...algorithms.impala, rewardClipping: 'none', valueScale: scale };
    const { act, update } = await makeLearner(name, config, 3e-3);
    const next = uniformStream(randomKey(11, 'bandit'));
    const draw = () => Array.from({ length: B }, () => Math.floor(next() * CONTEXTS));
    const unrewarded = tensor(Array<number>(B).fill(0), [1, B]);
    const actOn = (contexts: readonly number[]) =>
      session.run(act, {
        set: name,
        inputs: { observation: frame(0), reward: frame(1), is_first: frame(2), noise: frame(3) },
        tensors: [
          tensor(observationOf(contexts), [1, B, TASKS * CONTEXTS], 'uint8'),
          unrewarded,
          always([1, B]),
          tensor(Array.from({ length: B }, next), [1, B]),
        ],
        fetch: ['action', 'logits'],
      });
    const pays = (slot: number, context: number) => (context + tasks[slot]!) % CONTEXTS;
    for (let i = 0; i < 250; i++) {
      const contexts = draw();
      const [action, logits] = await actOn(contexts);
      const rewards = numbers(action).map((chosen, slot) =>
        chosen === pays(slot, contexts[slot]!) ? [1, 1000][tasks[slot]!]! : 0,
      );
      await update({
        observation: tensor([...observationOf(contexts), ...observationOf(contexts)], [2, B, 6], 'uint8'),
        reward: tensor([...Array<number>(B).fill(0), ...rewards], [2, B]),
        is_first: always([2, B]),
        action: action!,
        behaviour_logits: logits!,
      });
    }
    const contexts = Array.from({ length: B }, (_, slot) => Math.floor(slot / TASKS) % CONTEXTS);
    const logits = numbers((await actOn(contexts))[1]);
    const chances = contexts.map((context, slot) => {
      const row = logits.slice(slot * CONTEXTS, (slot + 1) * CONTEXTS).map(Math.exp);
      return row[pays(slot, context)]! / sum(row);
    });
    return [0, 1].map((task) => {
      const own = chances.filter((_, slot) => tasks[slot] === task);
      return sum(own) / own.length;
    });
  }

  it('learns two games whose rewards differ a thousandfold, where plain V-trace learns only the loud one', async () => {
    const plain = await learn('plain', 'none');
    const popart = await learn('popart', 'popart');
    expect(popart[0]).toBeGreaterThan(0.8);
    expect(popart[1]).toBeGreaterThan(0.8);
    expect(plain[0]).toBeLessThan(0.6);
  });
});
