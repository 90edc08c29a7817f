/** One sequence core, however its sequence is cut: boundaries, carried states, single steps. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relu, tensorSpec, trace, type Graph, type Tensor } from '../../../src/graph/index.ts';
import { linear } from '../../../src/nn/index.ts';
import {
  feedForwardCore,
  schemes,
  srwmCore,
  stepCore,
  type SequenceCore,
} from '../../../src/models/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { flags, noise } from '../../support/random-numbers.ts';
import { largestDifference, needsPython, python, startSession, tensor } from '../../support/session.ts';
import { makeSet, runOn } from './sets.ts';

const TIME = 7;
const BATCH = 3;
const WIDTH = 5;
const TOLERANCE = 1e-5;

const srwmOptions = {
  modelDim: 8,
  numHeads: 2,
  numLayers: 2,
  ffDim: 6,
  inputSoftmax: true,
  finalNorm: false,
  releasedNorm: false,
};

const cores: Readonly<Record<string, SequenceCore>> = {
  feed_forward: feedForwardCore(),
  srwm: srwmCore({ ...srwmOptions, bptt: 'unroll' }, schemes.torch),
  'srwm with bptt "step"': srwmCore({ ...srwmOptions, bptt: 'step' }, schemes.torch),
  'srwm with a final norm and no softmax of its input': srwmCore(
    { ...srwmOptions, bptt: 'unroll', finalNorm: true, inputSoftmax: false },
    schemes.he_orthogonal,
  ),
  stepCore: stepCore('leaky', { size: 4 }, (x, h) => {
    const next = h.mul(0.9).add(relu(linear('in', 4)(x)));
    return [linear('out', 3)(next), next];
  }),
};

/** Numbers in time order: x [T, B, WIDTH], isFirst [T, B], and states by name. */
interface Sequence {
  readonly time: number;
  readonly x: readonly number[];
  readonly isFirst: readonly number[];
  readonly state: Readonly<Record<string, readonly number[]>>;
}

type Results = { readonly y: number[]; readonly state: Readonly<Record<string, number[]>> };

function coreGraph(core: SequenceCore, time: number): Graph {
  const states = Object.fromEntries(
    Object.entries(core.stateShapes(BATCH)).map(([name, shape]) => [`state/${name}`, tensorSpec(shape)]),
  );
  const specs = {
    x: tensorSpec([time, BATCH, WIDTH]),
    is_first: tensorSpec([time, BATCH], 'bool'),
    ...states,
  };
  return trace('core', specs, (given) => {
    const inputs = given as Readonly<Record<string, Tensor>>;
    const state = Object.fromEntries(
      Object.keys(core.stateShapes(BATCH)).map((name) => [name, inputs[`state/${name}`] as Tensor]),
    );
    const { y, state: next } = core.apply(inputs['x'] as Tensor, inputs['is_first'] as Tensor, state);
    return {
      y,
      ...Object.fromEntries(Object.entries(next).map(([name, value]) => [`state/${name}`, value])),
    };
  });
}

function zeroState(core: SequenceCore): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(core.stateShapes(BATCH)).map(([name, shape]) => [
      name,
      Array<number>(shape.reduce((size, dim) => size * dim, 1)).fill(0),
    ]),
  );
}

function someState(core: SequenceCore, seed: number): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(zeroState(core)).map(([name, zeros]) => [name, noise(zeros.length, seed)]),
  );
}

/** Steps from `start` up to `end`, with a state of their own. */
function cut(sequence: Sequence, start: number, end: number, state: Sequence['state']): Sequence {
  return {
    time: end - start,
    x: sequence.x.slice(start * BATCH * WIDTH, end * BATCH * WIDTH),
    isFirst: sequence.isFirst.slice(start * BATCH, end * BATCH),
    state,
  };
}

describe.skipIf(python === null)(`sequence cores (${needsPython})`, () => {
  let session: Session;

  beforeAll(async () => {
    session = await startSession();
    for (const [name, core] of Object.entries(cores)) await makeSet(session, name, coreGraph(core, 1));
  });
  afterAll(() => session.close());

  describe.each(Object.entries(cores))('%s', (name, core) => {
    const hasState = Object.keys(core.stateShapes(BATCH)).length > 0;

    async function run({ time, x, isFirst, state }: Sequence): Promise<Results> {
      const states = Object.entries(core.stateShapes(BATCH)).map(
        ([key, shape]) => [`state/${key}`, tensor(state[key] as number[], shape)] as const,
      );
      const { y, ...next } = await runOn(session, name, coreGraph(core, time), {
        x: tensor(x, [time, BATCH, WIDTH]),
        is_first: tensor(isFirst, [time, BATCH], 'bool'),
        ...Object.fromEntries(states),
      });
      return {
        y: y as number[],
        state: Object.fromEntries(
          Object.entries(next).map(([key, value]) => [key.slice('state/'.length), value]),
        ),
      };
    }

    function expectSame(a: Results, b: Results): void {
      expect(largestDifference(a.y, b.y)).toBeLessThan(TOLERANCE);
      expect(Object.keys(a.state)).toEqual(Object.keys(core.stateShapes(BATCH)));
      for (const key of Object.keys(a.state)) {
        expect(largestDifference(a.state[key] as number[], b.state[key] as number[])).toBeLessThan(TOLERANCE);
      }
    }

    const joined = (parts: readonly Results[]): Results => ({
      y: parts.flatMap((part) => part.y),
      state: (parts.at(-1) as Results).state,
    });

    const continuous: Sequence = {
      time: TIME,
      x: noise(TIME * BATCH * WIDTH, 1),
      isFirst: Array<number>(TIME * BATCH).fill(0),
      state: someState(core, 2),
    };
    /** Boundaries at other steps in every slot. */
    const broken: Sequence = { ...continuous, isFirst: flags(TIME * BATCH, 3, 4) };
    const withFirst = (sequence: Sequence, step: number): Sequence => ({
      ...sequence,
      isFirst: sequence.isFirst.map((flag, i) => (Math.floor(i / BATCH) === step ? 1 : flag)),
    });

    it('equals the two separate sequences when an episode begins inside', async () => {
      const whole = await run(withFirst(continuous, 4));
      const before = await run(cut(continuous, 0, 4, continuous.state));
      const after = await run(cut(continuous, 4, TIME, zeroState(core)));
      expectSame(whole, joined([before, after]));
    });

    it('forgets whatever it carried when the first step begins an episode', async () => {
      const first = withFirst(continuous, 0);
      expectSame(await run(first), await run({ ...first, state: someState(core, 3) }));
      expectSame(await run(first), await run({ ...continuous, state: zeroState(core) }));
    });

    it('resets only the slot whose episode begins', async () => {
      const slot = 1;
      const isFirst = continuous.isFirst.map((_, i) => (i === 4 * BATCH + slot ? 1 : 0));
      const [some, all, none] = [
        await run({ ...continuous, isFirst }),
        await run(withFirst(continuous, 4)),
        await run(continuous),
      ];
      const size = none.y.length / TIME / BATCH;
      const wanted = none.y.map((value, i) => (Math.floor(i / size) % BATCH === slot ? all.y[i] : value));
      expect(largestDifference(some.y, wanted as number[])).toBeLessThan(TOLERANCE);
    });

    it('equals itself when a sequence is cut in two and the state is carried over', async () => {
      const whole = await run(broken);
      for (const at of [1, 3, TIME - 1]) {
        const before = await run(cut(broken, 0, at, broken.state));
        const after = await run(cut(broken, at, TIME, before.state));
        expectSame(whole, joined([before, after]));
      }
    });

    it('gives in single steps what it gives in one call', async () => {
      const steps: Results[] = [];
      let { state } = broken;
      for (let t = 0; t < TIME; t++) {
        const step = await run(cut(broken, t, t + 1, state));
        steps.push(step);
        ({ state } = step);
      }
      expectSame(await run(broken), joined(steps));
    });

    if (!hasState) return;

    it('lets the past matter until an episode begins', async () => {
      const [carried, fresh] = [await run(continuous), await run(withFirst(continuous, 4))];
      const half = (4 / TIME) * carried.y.length;
      expect(largestDifference(carried.y.slice(0, half), fresh.y.slice(0, half))).toBe(0);
      expect(largestDifference(carried.y.slice(half), fresh.y.slice(half))).toBeGreaterThan(1e-3);
    });
  });
});
