/** Every sequence core, however its sequence is cut: boundaries, carried states, single steps. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relu } from '../../../src/graph/index.ts';
import { linear } from '../../../src/nn/index.ts';
import { CORE_KINDS, schemes, stepCore, type SequenceCore } from '../../../src/models/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { flags, noise } from '../../support/random-numbers.ts';
import { largestDifference, needsPython, python, startSession } from '../../support/session.ts';
import { makeSet } from './sets.ts';
import {
  BATCH,
  coreGraph,
  cut,
  hasState,
  joined,
  runCore,
  smallCore,
  someState,
  WIDTH,
  withFirst,
  zeroState,
  type Results,
  type Sequence,
} from './small-cores.ts';

const TIME = 7;
const TOLERANCE = 1e-5;

/** Every kind of the table as it comes, and cores that are told something else. */
const cores: Readonly<Record<string, SequenceCore>> = {
  ...Object.fromEntries(CORE_KINDS.map((kind) => [kind, smallCore(kind)])),
  'srwm with bptt "step"': smallCore('srwm', {}, { bptt: 'step' }),
  'lstm with bptt "step"': smallCore('lstm', {}, { bptt: 'step' }),
  'recurrent_delta with bptt "step"': smallCore('recurrent_delta', {}, { bptt: 'step' }),
  'srwm with a final norm and no softmax of its input': smallCore(
    'srwm',
    { finalNorm: true, inputSoftmax: false },
    { scheme: schemes.he_orthogonal },
  ),
  'lstm with he_orthogonal': smallCore('lstm', {}, { scheme: schemes.he_orthogonal }),
  stepCore: stepCore('leaky', { size: 4 }, (x, h) => {
    const next = h.mul(0.9).add(relu(linear('in', 4)(x)));
    return [linear('out', 3)(next), next];
  }),
};

describe.skipIf(python === null)(`sequence cores (${needsPython})`, () => {
  let session: Session;

  beforeAll(async () => {
    session = await startSession();
    for (const [name, core] of Object.entries(cores)) await makeSet(session, name, coreGraph(core, 1));
  });
  afterAll(() => session.close());

  describe.each(Object.entries(cores))('%s', (name, core) => {
    const run = (sequence: Sequence): Promise<Results> => runCore(session, name, core, sequence);

    function expectSame(a: Results, b: Results): void {
      expect(largestDifference(a.y, b.y)).toBeLessThan(TOLERANCE);
      expect(Object.keys(a.state)).toEqual(Object.keys(core.stateShapes(BATCH)));
      for (const key of Object.keys(a.state)) {
        expect(largestDifference(a.state[key] as number[], b.state[key] as number[])).toBeLessThan(TOLERANCE);
      }
    }

    const continuous: Sequence = {
      time: TIME,
      x: noise(TIME * BATCH * WIDTH, 1),
      isFirst: Array<number>(TIME * BATCH).fill(0),
      state: someState(core, 2),
    };
    /** Boundaries at other steps in every slot. */
    const broken: Sequence = { ...continuous, isFirst: flags(TIME * BATCH, 3, 4) };

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
      const before = await run(cut(broken, 0, 4, broken.state));
      const after = await run(cut(broken, 4, TIME, before.state));
      expectSame(whole, joined([before, after]));
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

    if (!hasState(core)) {
      it('gives at each step what it gives for that step alone', async () => {
        const one = await run(cut(continuous, TIME - 1, TIME, {}));
        const whole = await run(continuous);
        expect(largestDifference(whole.y.slice(-one.y.length), one.y)).toBeLessThan(TOLERANCE);
      });
      return;
    }

    it('lets the past matter until an episode begins', async () => {
      const [carried, fresh] = [await run(continuous), await run(withFirst(continuous, 4))];
      const half = (4 / TIME) * carried.y.length;
      expect(largestDifference(carried.y.slice(0, half), fresh.y.slice(0, half))).toBe(0);
      expect(largestDifference(carried.y.slice(half), fresh.y.slice(half))).toBeGreaterThan(1e-3);
    });
  });
});
