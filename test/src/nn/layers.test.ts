/** Layers: the names and shapes of their parameters, and how these start. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  initializationOf,
  keySpec,
  tensorSpec,
  trace,
  type Graph,
  type Initializer,
} from '../../../src/graph/index.ts';
import * as nn from '../../../src/nn/index.ts';
import type { Session } from '../../../src/train/index.ts';
import {
  computeNumbers,
  largestDifference,
  needsPython,
  python,
  startSession,
  tensor,
} from '../../support/session.ts';

const parametersOf = (graph: Graph) =>
  graph.spec.parameters.map(({ name, shape }) => `${name} [${shape.join(', ')}]`);

describe('a layer', () => {
  it('names its parameters after itself', () => {
    const graph = trace('net', { x: tensorSpec([2, 3, 8, 8]) }, ({ x }) => {
      const image = nn.conv2d('conv', 4, 3, { stride: 2, padding: 1 })(x);
      const hidden = nn.layerNorm('norm')(nn.linear('in', 6)(image.flatten(1)));
      return { y: nn.linear('out', 2, { bias: false })(hidden) };
    });
    expect(parametersOf(graph)).toEqual([
      'conv/bias [4]',
      'conv/weight [4, 3, 3, 3]',
      'in/bias [6]',
      'in/weight [6, 64]',
      'norm/bias [6]',
      'norm/weight [6]',
      'out/weight [2, 6]',
    ]);
    expect(graph.spec.nodes.at(-1)?.results[0]?.shape).toEqual([2, 2]);
  });

  it('is refused when it is applied twice, because its parameters would be declared twice', () => {
    const layer = nn.linear('shared', 3);
    expect(() => trace('twice', { x: tensorSpec([2, 3]) }, ({ x }) => ({ y: layer(layer(x)) }))).toThrow(
      /parameter "shared\/weight": names must be unique/,
    );
  });

  it('is refused when its initializer returns another shape', () => {
    const wrong: Initializer = (_, key) => nn.uniform(1)([2], key);
    const graph = trace('wrong', { x: tensorSpec([2, 3]) }, ({ x }) => ({
      y: nn.linear('out', 4, { weightInitializer: wrong })(x),
    }));
    expect(() => initializationOf('start', graph.declarations)).toThrow(
      /parameter "out\/weight": its initializer must return float32 \[4, 3\], got float32 \[2\]/,
    );
  });
});

const rewardsSeen = [-10, -4, -1, -0.2, 0, 0.04, 1, 3, 10, 1000];
const bounds: Readonly<Record<nn.RewardClipping, (reward: number) => number>> = {
  abs_one: (reward) => Math.max(-1, Math.min(1, reward)),
  soft_asymmetric: (reward) => (reward < 0 ? 0.3 : 1) * Math.tanh(reward / 5) * 5,
  none: (reward) => reward,
};

describe.skipIf(python === null)(`an initializer (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  it.each(Object.entries(bounds))('rewards bounded by %s are its formula', async (clipping, formula) => {
    const inputs = { rewards: tensorSpec([rewardsSeen.length]) };
    const graph = trace('clip', inputs, (given) => ({
      bounded: nn.clipRewards(given.rewards, clipping as nn.RewardClipping),
    }));
    const { bounded } = await computeNumbers(session, graph, { rewards: tensor(rewardsSeen) });
    for (const [i, reward] of rewardsSeen.entries()) expect(bounded?.[i]).toBeCloseTo(formula(reward), 5);
  });

  async function start(initializer: Initializer, shape: readonly number[], key = 9n): Promise<number[]> {
    const graph = trace('start', { key: keySpec }, (given) => ({ w: initializer(shape, given.key) }));
    return (await computeNumbers(session, graph, { key }))['w']!;
  }
  const deviation = (values: readonly number[]) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);

  it('of one value gives that value', async () => {
    expect(await start(nn.constant(1.5), [2, 2])).toEqual([1.5, 1.5, 1.5, 1.5]);
  });

  it('uniform in the fan-in stays within 1 / sqrt(fan_in) and reaches it', async () => {
    const values = await start(nn.fanInUniform(16), [40, 50]);
    expect(Math.max(...values)).toBeLessThanOrEqual(0.25);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-0.25);
    expect(Math.max(...values)).toBeGreaterThan(0.245);
    expect(Math.min(...values)).toBeLessThan(-0.245);
    expect(deviation(values)).toBeCloseTo(0.25 / Math.sqrt(3), 2);
  });

  it('normal has the deviation that was asked for, He the gain over the fan-in', async () => {
    expect(deviation(await start(nn.normal(0.3), [50, 80]))).toBeCloseTo(0.3, 1.7);
    expect(deviation(await start(nn.heNormal(8, 0.5), [50, 80]))).toBeCloseTo(0.25, 1.7);
  });

  it('gives equal numbers for equal keys only', async () => {
    const [first, again, other] = [9n, 9n, 10n].map((key) => start(nn.normal(1), [5], key));
    expect(await again).toEqual(await first);
    expect(await other).not.toEqual(await first);
  });

  it.each([
    [6, 3],
    [3, 6],
    [4, 4],
  ])(
    'orthogonal makes the shorter side of [%i, %i] orthogonal, with the given gain',
    async (rows, columns) => {
      const values = await start(nn.orthogonal(2), [rows, columns]);
      const inner = Math.min(rows, columns);
      const vectors = Array.from({ length: inner }, (_, i) =>
        rows >= columns
          ? Array.from({ length: rows }, (_, r) => values[r * columns + i]!)
          : values.slice(i * columns, (i + 1) * columns),
      );
      const products = vectors.flatMap((a) =>
        vectors.map((b) => a.reduce((sum, value, k) => sum + value * b[k]!, 0)),
      );
      const expected = vectors.flatMap((_, i) => vectors.map((_, j) => (i === j ? 4 : 0)));
      expect(largestDifference(products, expected)).toBeLessThan(1e-5);
    },
  );

  it('of a whole model is a graph with one key a parameter, and feeds the layer', async () => {
    const graph = trace('model', { x: tensorSpec([1, 3]) }, ({ x }) => ({ y: nn.layerNorm('norm')(x) }));
    const initialization = initializationOf('start', graph.declarations);
    expect(initialization.spec.inputs).toEqual([
      { name: 'norm/bias', shape: [], dtype: 'key' },
      { name: 'norm/weight', shape: [], dtype: 'key' },
    ]);
    const started = await computeNumbers(session, initialization, { 'norm/bias': 1n, 'norm/weight': 2n });
    expect(started).toEqual({ 'norm/bias': [0, 0, 0], 'norm/weight': [1, 1, 1] });
  });
});
