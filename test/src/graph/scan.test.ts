/** A scan traced in TypeScript against the same program unrolled in TypeScript: values and gradients. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  parameter,
  scan,
  scope,
  stack,
  tanh,
  tensorSpec,
  trace,
  where,
  zeros,
  type Graph,
  type Tensor,
} from '../../../src/graph/index.ts';
import { layerNorm, linear, normal } from '../../../src/nn/index.ts';
import { handle, type Session } from '../../../src/train/index.ts';
import { flags, noise } from '../../support/random-numbers.ts';
import {
  largestDifference,
  needsPython,
  numbers,
  python,
  startSession,
  tensor,
} from '../../support/session.ts';
import { makeSet } from '../models/sets.ts';

const [T, B, M] = [5, 3, 4];
const hosts = {
  x: tensor(noise(T * B * M, 1), [T, B, M]),
  is_first: tensor(flags(T * B, 3, 2), [T, B], 'bool'),
  start: tensor(noise(B * M, 3), [B, M]),
  scale: tensor(noise(B * M, 4), [B, M]),
  weights: tensor(noise(T * B * M, 5), [T, B, M]),
};
const INPUTS = Object.fromEntries(
  Object.entries(hosts).map(([name, { shape, dtype }]) => [name, tensorSpec(shape, dtype)]),
);

interface Step {
  readonly carry: { readonly h: Tensor; readonly former: Tensor };
  readonly x: { readonly x: Tensor; readonly first: Tensor };
  readonly constants: { readonly scale: Tensor };
}
type Body = (step: Step) => { readonly carry: Step['carry']; readonly y: Readonly<Record<string, Tensor>> };

/** Layers whose parameters are declared once, and shared by every call. */
function shared<R extends Readonly<Record<string, (x: Tensor) => Tensor>>>(make: () => R): () => R {
  let made: R | undefined;
  return () => (made ??= make());
}

/** A linear layer that may be applied many times. */
function reusable(name: string): (x: Tensor) => Tensor {
  const weight = scope(name, () => parameter('weight', [M, M], normal(0.5)));
  const bias = scope(name, () => parameter('bias', [M], normal(0.5)));
  return (x) => x.matmul(weight).add(bias);
}

const bodies: Readonly<Record<string, () => Body>> = {
  // Hoisted: the layer of x. Core: the state. Sunk: the norm and the layer of the output.
  'a recurrent layer with work before and behind the loop': () => {
    const layers = shared(() => ({ into: reusable('into'), state: reusable('state'), out: reusable('out') }));
    return ({ carry, x, constants }) => {
      const { into, state, out } = layers();
      const former = where(x.first.unsqueeze(-1), 0, carry.h);
      const h = tanh(into(x.x).add(state(former)).mul(constants.scale));
      return {
        carry: { h, former },
        y: { y: out(h).relu(), first: x.first.to('float32').unsqueeze(-1).mul(h) },
      };
    };
  },
  'a state that is passed on, a result that never changes, and one that is an input':
    () =>
    ({ carry, x, constants }) => ({
      carry: { h: x.x.mul(0.5), former: carry.h },
      y: { y: carry.former.add(constants.scale), constant: constants.scale.exp(), input: x.x, kept: carry.h },
    }),
  'work that reads the state but leads only to results':
    () =>
    ({ carry, x }) => ({
      carry: { h: carry.h, former: carry.former.add(x.x) },
      y: { y: carry.h.mul(x.x).sum(-1, { keepdim: true }).expand([B, M]) },
    }),
};

function scanned(body: Body, reverse: boolean) {
  return ({ x, is_first: first, start, scale }: Readonly<Record<string, Tensor>>) =>
    scan(
      {
        carry: { h: start!, former: zeros([B, M]) },
        xs: { x: x!, first: first! },
        constants: { scale: scale! },
        reverse,
      },
      body,
    );
}

function unrolled(body: Body, reverse: boolean) {
  return ({ x, is_first: first, start, scale }: Readonly<Record<string, Tensor>>) => {
    let carry: Step['carry'] = { h: start!, former: zeros([B, M]) };
    const rows: Readonly<Record<string, Tensor>>[] = [];
    for (let i = 0; i < T; i++) {
      const t = reverse ? T - 1 - i : i;
      const step = { x: x!.select(0, t), first: first!.select(0, t) };
      const made = body({ carry, x: step, constants: { scale: scale! } });
      carry = made.carry;
      rows[t] = made.y;
    }
    const ys = Object.fromEntries(
      Object.keys(rows[0]!).map((name) => [
        name,
        stack(
          rows.map((row) => row[name]!),
          0,
        ),
      ]),
    );
    return { carry, ys };
  };
}

/** All results, and a loss that depends on each of them and on a parameter before the scan. */
function program(run: ReturnType<typeof scanned>): Graph {
  return trace('program', INPUTS, (given) => {
    const start = layerNorm('before')(given['start']!);
    const { carry, ys } = run({ ...given, start });
    const loss = [...Object.values(ys), carry.h.unsqueeze(0), carry.former.unsqueeze(0)]
      .map((result) => result.mul(given['weights']!.slice(0, 0, result.size(0))).sum())
      .reduce((a, b) => a.add(b));
    const named = Object.fromEntries(Object.entries(carry).map(([name, value]) => [`carry_${name}`, value]));
    return { loss, ...ys, ...named };
  });
}

describe.skipIf(python === null)(`a scan in the worker (${needsPython})`, { timeout: 90_000 }, () => {
  let session: Session;
  const names = Object.keys(hosts) as (keyof typeof hosts)[];
  const inputs = Object.fromEntries(names.map((name) => [name, handle(name)]));
  beforeAll(async () => {
    session = await startSession();
    await session.call(
      'put',
      { handles: names },
      names.map((name) => hosts[name]),
    );
  });
  afterAll(() => session?.close());

  /** Every output, then the gradient of every parameter: alpha 1 and epsilon 1 make RMSprop subtract it. */
  async function outcome(graph: Graph, set: string): Promise<Record<string, number[]>> {
    await makeSet(session, set, graph);
    const fetch = graph.spec.outputs.map(({ name }) => name);
    const results = await session.run(graph, { set, inputs, fetch });
    const parameters = graph.spec.parameters.map(({ name }) => name);
    const values = async () =>
      (await session.exchange('get', { handles: [], set, parameters })).tensors.map(numbers);
    await session.call('create_optimizer', {
      optimizer: set,
      set,
      algorithm: { kind: 'rmsprop', alpha: 1, epsilon: 1, momentum: 0, centered: false, weight_decay: 0 },
    });
    const before = await values();
    await session.call('accumulate', { graph: graph.hash, optimizer: set, inputs, loss: 'loss', report: [] });
    const step = { expected_version: 0, learning_rate: 1, max_grad_norm: null, transform: null, inputs: {} };
    await session.call('apply', { optimizer: set, ...step });
    const after = await values();
    const gradients = parameters.map((name, i) => [
      `gradient of ${name}`,
      before[i]!.map((value, j) => value - after[i]![j]!),
    ]);
    return Object.fromEntries([...fetch.map((name, i) => [name, numbers(results[i])]), ...gradients]);
  }

  it.each(
    Object.keys(bodies).flatMap((name) => [
      { name, reverse: false },
      { name, reverse: true },
    ]),
  )('equals its body unrolled by hand: $name, reverse $reverse', async ({ name, reverse }) => {
    const make = bodies[name]!;
    const ours = await outcome(program(scanned(make(), reverse)), `scan ${name} ${reverse}`);
    const theirs = await outcome(program(unrolled(make(), reverse)), `loop ${name} ${reverse}`);
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    expect(Object.keys(ours)).toContain('gradient of before/weight');
    for (const key of Object.keys(theirs))
      expect(largestDifference(ours[key]!, theirs[key]!), key).toBeLessThan(2e-5);
    expect(ours['gradient of before/weight']?.some((value) => Math.abs(value) > 1e-3)).toBe(true);
  });

  it('shares the parameters that its body declares, under the names of their scopes', async () => {
    const graph = trace('nested', { x: tensorSpec([T, B, M]) }, ({ x }) =>
      scope(
        'outer',
        () =>
          scan({ carry: {}, xs: { x } }, ({ x: now }) => ({ carry: {}, y: { y: linear('in', 2)(now.x) } }))
            .ys,
      ),
    );
    const plain = trace('plain', { x: tensorSpec([T, B, M]) }, ({ x }) =>
      scope('outer', () => ({ y: linear('in', 2)(x) })),
    );
    expect(graph.spec.parameters).toEqual(plain.spec.parameters);
    await makeSet(session, 'nested', plain);
    const [ours, theirs] = await Promise.all(
      [graph, plain].map(async (each) => {
        const [y] = await session.run(each, { set: 'nested', inputs: { x: handle('x') }, fetch: ['y'] });
        return numbers(y);
      }),
    );
    expect(largestDifference(ours!, theirs!)).toBeLessThan(1e-6);
  });
});
