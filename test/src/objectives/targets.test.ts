/** V-trace, generalised advantages and reward scales against literal transcriptions of their papers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parameter, scope, tensorSpec, trace, type Tensor } from '../../../src/graph/index.ts';
import { constant } from '../../../src/nn/index.ts';
import {
  generalizedAdvantages,
  normalizeAdvantages,
  normalizeRewards,
  vtrace,
} from '../../../src/objectives/index.ts';
import { handle, key, type Session } from '../../../src/train/index.ts';
import { flags, noise } from '../../support/random-numbers.ts';
import { computeNumbers, needsPython, python, startSession, tensor } from '../../support/session.ts';
import { generalizedAdvantage, vtraceAdvantage, vtraceTarget, type Trajectory } from './literal.ts';

const T = 9;
const B = 4;
const perStep = tensorSpec([T, B]);
const INPUTS = {
  logRhos: perStep,
  discounts: perStep,
  rewards: perStep,
  values: perStep,
  bootstrapValue: tensorSpec([B]),
};

/** Importance weights from e^-2 to e^2, and episodes of 4 steps that end at another step in each column. */
const ends = Array.from({ length: T * B }, (_, i) => Number((Math.floor(i / B) + (i % B)) % 4 === 3));
const data = {
  logRhos: noise(T * B, 2).map((value) => 2 * value),
  discounts: ends.map((end) => 0.9 * (1 - end)),
  rewards: noise(T * B, 3).map((value) => 3 * value),
  values: noise(T * B, 4),
  bootstrapValue: noise(B, 5),
};
const hosts = {
  logRhos: tensor(data.logRhos, [T, B]),
  discounts: tensor(data.discounts, [T, B]),
  rewards: tensor(data.rewards, [T, B]),
  values: tensor(data.values, [T, B]),
  bootstrapValue: tensor(data.bootstrapValue, [B]),
};

function trajectory(b: number): Trajectory {
  const column = (all: readonly number[]) => Array.from({ length: T }, (_, t) => all[t * B + b]!);
  return {
    logRhos: column(data.logRhos),
    discounts: column(data.discounts),
    rewards: column(data.rewards),
    values: column(data.values),
    bootstrapValue: data.bootstrapValue[b]!,
  };
}

/** `[T, B]` from a formula of one trajectory and step. */
const everywhere = (formula: (column: Trajectory, t: number) => number): number[] =>
  Array.from({ length: T * B }, (_, i) => formula(trajectory(i % B), Math.floor(i / B)));

function expectClose(actual: readonly number[] | undefined, expected: readonly number[], digits = 4): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual?.[i], `element ${i}`).toBeCloseTo(value, digits);
}

describe.skipIf(python === null)(`targets in the worker (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  it('are tested with weights above and below 1, and episodes that end inside', () => {
    expect(data.logRhos.filter((value) => value > 0).length).toBeGreaterThan(5);
    expect(data.logRhos.filter((value) => value < 0).length).toBeGreaterThan(5);
    for (let b = 0; b < B; b++) expect(trajectory(b).discounts.slice(0, -1)).toContain(0);
  });

  it.each([
    { rhoBar: 1, pgRhoBar: 1, lambda: 1 },
    { rhoBar: 3.5, pgRhoBar: 1, lambda: 1 },
    { rhoBar: 1, pgRhoBar: 2.5, lambda: 0.9 },
    { rhoBar: 0.5, pgRhoBar: 0.25, lambda: 0 },
  ])('V-trace is the sum of the paper with %o', async ({ rhoBar, pgRhoBar, lambda }) => {
    const options = { clipRhoThreshold: rhoBar, clipPgRhoThreshold: pgRhoBar, lambda };
    const graph = trace('vtrace', INPUTS, (given) => ({ ...vtrace(given, options) }));
    const { vs, pgAdvantages } = await computeNumbers(session, graph, hosts);
    const literal = { rhoBar, pgRhoBar, lambda, cBar: 1 };
    expectClose(
      vs,
      everywhere((column, t) => vtraceTarget(column, t, literal)),
    );
    expectClose(
      pgAdvantages,
      everywhere((column, t) => vtraceAdvantage(column, t, literal)),
    );
  });

  it('V-trace on policy is the discounted return, cut where an episode ends', async () => {
    const options = { clipRhoThreshold: 1, clipPgRhoThreshold: 1, lambda: 1 };
    const graph = trace('vtrace', INPUTS, (given) => ({ ...vtrace(given, options) }));
    const { vs } = await computeNumbers(session, graph, {
      ...hosts,
      logRhos: tensor(Array(T * B).fill(0), [T, B]),
    });
    const returns = everywhere((column, s) => {
      let [sum, weight] = [0, 1];
      for (let t = s; t < T; t++) {
        sum += weight * column.rewards[t]!;
        weight *= column.discounts[t]!;
      }
      return sum + weight * column.bootstrapValue;
    });
    expectClose(vs, returns);
  });

  it.each([0, 0.5, 0.95, 1])(
    'generalised advantages are the sum of the paper with lambda %f',
    async (lambda) => {
      const { logRhos: _, ...inputs } = INPUTS;
      const graph = trace('gae', inputs, (given) => ({ advantages: generalizedAdvantages(given, lambda) }));
      const { logRhos: __, ...given } = hosts;
      const { advantages } = await computeNumbers(session, graph, given);
      expectClose(
        advantages,
        everywhere((column, t) => generalizedAdvantage(column, t, lambda)),
      );
    },
  );

  it('normalised advantages have mean 0 and deviation 1', async () => {
    const graph = trace('normalize', { rewards: perStep }, ({ rewards }) => ({
      y: normalizeAdvantages(rewards),
    }));
    const { y = [] } = await computeNumbers(session, graph, { rewards: hosts.rewards });
    const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
    const variance = y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (y.length - 1);
    expect(mean).toBeCloseTo(0, 5);
    expect(variance).toBeCloseTo(1, 4);
  });

  it('rewards are divided by the running deviation of the discounted return, over unrolls and episode ends', async () => {
    const statistics = {
      running: tensorSpec([B]),
      mean: tensorSpec([]),
      variance: tensorSpec([]),
      count: tensorSpec([]),
    };
    const options = { discount: 0.9, clip: 1.5 };
    const graph = trace(
      'scale',
      { rewards: perStep, isFirst: tensorSpec([T, B], 'bool'), ...statistics },
      ({ rewards, isFirst, ...before }) => {
        const after = normalizeRewards(rewards, isFirst, before, options);
        return { scaled: after.rewards, ...after.statistics };
      },
    );
    let state: Record<string, number[]> = {
      running: Array<number>(B).fill(0),
      mean: [0],
      variance: [1],
      count: [1e-4],
    };
    const running = Array<number>(B).fill(0);
    // The prior counts as 1e-4 observations with mean 0 and variance 1.
    const seen: number[] = [];
    for (let unroll = 0; unroll < 3; unroll++) {
      const rewards = noise(T * B, 10 + unroll).map((value) => 5 * value + 1);
      const isFirst = flags(T * B, 4, 20 + unroll);
      for (let i = 0; i < T * B; i++) {
        running[i % B] = (isFirst[i] === 1 ? 0 : running[i % B]! * options.discount) + rewards[i]!;
        seen.push(running[i % B]!);
      }
      const mean = seen.reduce((sum, value) => sum + value, 0) / (seen.length + 1e-4);
      const variance =
        (seen.reduce((sum, value) => sum + (value - mean) ** 2, 0) + 1e-4 * (1 + mean ** 2)) /
        (seen.length + 1e-4);
      const result = await computeNumbers(session, graph, {
        rewards: tensor(rewards, [T, B]),
        isFirst: tensor(isFirst, [T, B], 'bool'),
        running: tensor(state['running']!, [B]),
        mean: tensor(state['mean']!, []),
        variance: tensor(state['variance']!, []),
        count: tensor(state['count']!, []),
      });
      expectClose(
        result['scaled'],
        rewards.map((reward) => Math.min(1.5, Math.max(-1.5, reward / Math.sqrt(variance + 1e-8)))),
      );
      expectClose(result['running'], running);
      expectClose(result['mean'], [mean]);
      expectClose(result['variance'], [variance], 3);
      state = result;
    }
    expect(state['count']?.[0]).toBeCloseTo(3 * T * B, 2);
  });

  it.each<[string, (given: Record<keyof typeof INPUTS, Tensor>) => Tensor]>([
    [
      'V-trace',
      (given) => {
        const { vs, pgAdvantages } = vtrace(given, { clipRhoThreshold: 2, clipPgRhoThreshold: 2, lambda: 1 });
        return vs.sum().add(pgAdvantages.sum());
      },
    ],
    ['generalised advantages', (given) => generalizedAdvantages(given, 0.9).sum()],
  ])('no gradient flows through %s', async (name, targets) => {
    // Every input is moved by a parameter; only the last term may reach it.
    const graph = trace(`constant ${name}`, INPUTS, (given) => {
      const shift = scope(name.replaceAll(' ', '_'), () => parameter('shift', [], constant(0)));
      const moved = Object.fromEntries(
        Object.entries(given).map(([input, x]: [string, Tensor]) => [input, x.add(shift)]),
      );
      return { loss: targets(moved as typeof given).add(shift.mul(7)) };
    });
    const set = `set of ${name}`;
    const start = trace('start', { key: { shape: [], dtype: 'key' } }, () => ({
      [graph.spec.parameters[0]!.name]: graph.declarations[0]!.initializer(
        [],
        undefined as unknown as Tensor,
      ),
    }));
    await session.call('create_parameters', {
      set,
      graph: await session.load(start),
      inputs: { key: key(0n) },
    });
    await session.call('create_optimizer', {
      optimizer: set,
      set,
      algorithm: { kind: 'rmsprop', alpha: 0, epsilon: 1, momentum: 0, centered: false, weight_decay: 0 },
    });
    const names = Object.keys(hosts) as (keyof typeof hosts)[];
    await session.call(
      'put',
      { handles: names },
      names.map((input) => hosts[input]),
    );
    await session.call('accumulate', {
      graph: await session.load(graph),
      optimizer: set,
      inputs: Object.fromEntries(names.map((input) => [input, handle(input)])),
      loss: 'loss',
      report: ['loss'],
    });
    const { grad_norm: gradient } = await session.call('apply', {
      optimizer: set,
      expected_version: 0,
      learning_rate: 1,
      max_grad_norm: null,
      transform: null,
      inputs: {},
    });
    expect(gradient).toBeCloseTo(7, 5);
  });
});
