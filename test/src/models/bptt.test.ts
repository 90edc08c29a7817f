/** Where the gradients of a core reach: through one step or the unroll, never over a boundary, to every parameter. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parameter, tensorSpec, trace, type Graph, type Tensor } from '../../../src/graph/index.ts';
import { CORE_KINDS, type CoreKind, type SequenceCore } from '../../../src/models/index.ts';
import { constant } from '../../../src/nn/index.ts';
import { frame, type Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import { needsPython, numbers, python, startSession, tensor } from '../../support/session.ts';
import { makeSet } from './sets.ts';
import { BATCH, smallCore, someState, STATEFUL, WIDTH } from './small-cores.ts';

const TIME = 6;
const HEAD_DIM = 4;
/** The slot whose episode begins at this step; the others have none. */
const [RESET_SLOT, RESET_STEP] = [1, 3];
const PROBE = 'probe';

/**
 * A weighted sum of the outputs from step `from` on; a parameter is added to the input, so that its gradient says what
 * reaches each step of each slot.
 */
function lossGraph(core: SequenceCore, from: number): Graph {
  const states = Object.entries(core.stateShapes(BATCH));
  const specs = {
    x: tensorSpec([TIME, BATCH, WIDTH]),
    is_first: tensorSpec([TIME, BATCH], 'bool'),
    ...Object.fromEntries(states.map(([name, shape]) => [`state/${name}`, tensorSpec(shape)])),
  };
  return trace('loss', specs, (inputs) => {
    const given = inputs as Readonly<Record<string, Tensor>>;
    const state = Object.fromEntries(states.map(([name]) => [name, given[`state/${name}`] as Tensor]));
    const x = inputs.x.add(parameter(PROBE, [TIME, BATCH, WIDTH], constant(0)));
    const { y } = core.apply(x, inputs.is_first, state);
    const last = y.slice(0, from, TIME);
    return { loss: last.mul(last.add(1)).sum() };
  });
}

describe.skipIf(python === null)(`gradients of a core (${needsPython})`, () => {
  let session: Session;
  let made = 0;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session.close());

  /** Which elements of each parameter one update changes in any bit, by name: gradients that are not zero. */
  async function changedBy(
    core: SequenceCore,
    from: number,
  ): Promise<Map<string, { readonly changed: boolean[]; readonly shape: readonly number[] }>> {
    const set = `set${made++}`;
    const graph = lossGraph(core, from);
    await makeSet(session, set, graph);
    const declared = graph.declarations.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
    const asked = { handles: [], set, parameters: declared.map(({ name }) => name) };
    const read = async () => (await session.exchange('get', asked)).tensors.map((one) => numbers(one));
    const algorithm = {
      ...{ kind: 'rmsprop' as const, alpha: 0.9, epsilon: 1e-8, momentum: 0 },
      ...{ centered: false, weight_decay: 0 },
    };
    await session.call('create_optimizer', { optimizer: set, set, algorithm });
    const before = await read();
    const isFirst = Array.from({ length: TIME * BATCH }, (_, i) =>
      Number(i === RESET_STEP * BATCH + RESET_SLOT),
    );
    const shapes = core.stateShapes(BATCH);
    const given: Record<string, ReturnType<typeof tensor>> = {
      x: tensor(noise(TIME * BATCH * WIDTH, 1), [TIME, BATCH, WIDTH]),
      is_first: tensor(isFirst, [TIME, BATCH], 'bool'),
      ...Object.fromEntries(
        Object.entries(someState(core, 3)).map(([name, values]) => [
          `state/${name}`,
          tensor(values, shapes[name]),
        ]),
      ),
    };
    const used = graph.spec.inputs.map(({ name }) => name);
    await session.call(
      'accumulate',
      {
        graph: await session.load(graph),
        optimizer: set,
        inputs: Object.fromEntries(used.map((name, i) => [name, frame(i)])),
        loss: 'loss',
        report: [],
      },
      used.map((name) => given[name] as ReturnType<typeof tensor>),
    );
    await session.call('apply', {
      ...{ optimizer: set, expected_version: 0, learning_rate: 1, max_grad_norm: null },
      ...{ transform: null, inputs: {} },
    });
    const after = await read();
    return new Map(
      declared.map(({ name, shape }, i) => {
        const [old, now] = [before[i] as number[], after[i] as number[]];
        expect(old).toHaveLength(shape.reduce((size, dim) => size * dim, 1));
        return [name, { shape, changed: old.map((value, j) => !Object.is(value, now[j])) }];
      }),
    );
  }

  /** Steps of each slot whose input the last output feels. */
  async function reached(core: SequenceCore): Promise<number[][]> {
    const probe = (await changedBy(core, TIME - 1)).get(PROBE)?.changed as boolean[];
    return [...Array(BATCH).keys()].map((slot) =>
      [...Array(TIME).keys()].filter((t) => {
        const start = (t * BATCH + slot) * WIDTH;
        return probe.slice(start, start + WIDTH).some(Boolean);
      }),
    );
  }

  const steps = (from: number) => [...Array(TIME).keys()].slice(from);

  it.each(STATEFUL)(
    'reach every step of the episode of %s with "unroll", and none before it',
    async (kind) => {
      const slots = await reached(smallCore(kind));
      expect(slots).toEqual(
        [...Array(BATCH).keys()].map((slot) => steps(slot === RESET_SLOT ? RESET_STEP : 0)),
      );
    },
  );

  it.each(STATEFUL)('reach the last step alone of %s with "step"', async (kind) => {
    const slots = await reached(smallCore(kind, {}, { bptt: 'step' }));
    expect(slots).toEqual(Array<number[]>(BATCH).fill(steps(TIME - 1)));
  });

  it('go over every boundary of an srwm that keeps its state for the run', async () => {
    expect(await reached(smallCore('srwm', { carry: 'run' }))).toEqual(Array<number[]>(BATCH).fill(steps(0)));
  });

  it.each(CORE_KINDS.filter((kind) => kind !== 'feed_forward'))(
    'reach every parameter of %s with "unroll"',
    async (kind) => {
      const parameters = await changedBy(smallCore(kind, { numLayers: 1 }), 0);
      const still = [...parameters].filter(([, { changed }]) => !changed.some(Boolean)).map(([name]) => name);
      expect(still).toEqual([]);
    },
  );

  /** The sub-matrices (y, q, k, beta) of w that one update changes. */
  async function changedColumns(
    kind: CoreKind,
    told: Parameters<typeof smallCore>[1],
    bptt: 'step' | 'unroll',
  ) {
    const w = (await changedBy(smallCore(kind, { numLayers: 1, ...told }, { bptt }), 0)).get(
      'core/layer0/srwm/w',
    );
    const width = w?.shape[2] as number;
    const sizes = { y: width - 2 * HEAD_DIM - 4, q: HEAD_DIM, k: HEAD_DIM, beta: 4 };
    const owners = Object.entries(sizes).flatMap(([name, size]) => Array<string>(size).fill(name));
    return [...new Set(w?.changed.flatMap((is, i) => (is ? [owners[i % width] as string] : [])))];
  }

  it.each(['srwm', 'sr_delta'] as const)(
    'leave the columns of q, k and beta of %s exactly as they are with "step"',
    async (kind) => {
      expect(await changedColumns(kind, {}, 'step')).toEqual(['y']);
    },
  );

  it.each(['srwm', 'sr_delta'] as const)('reach all columns of %s with "unroll"', async (kind) => {
    expect(await changedColumns(kind, {}, 'unroll')).toEqual(['y', 'q', 'k', 'beta']);
  });

  it('leave the columns of q, k and beta as they are in an srwm without carry', async () => {
    expect(await changedColumns('srwm', { carry: 'step' }, 'unroll')).toEqual(['y']);
  });
});
