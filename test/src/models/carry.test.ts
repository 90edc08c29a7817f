/** How long a core keeps its state: a step, an unroll, an episode, a run. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { deltaDeltaCore, type DeltaDeltaCoreOptions } from '../../../src/models/cores/delta-delta.ts';
import { lstmCore } from '../../../src/models/cores/lstm.ts';
import { srwmCore, type SrwmCoreOptions } from '../../../src/models/cores/srwm.ts';
import type { CoreKind, SequenceCore } from '../../../src/models/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { flags, noise } from '../../support/random-numbers.ts';
import { largestDifference, needsPython, python, startSession } from '../../support/session.ts';
import { makeSet } from './sets.ts';
import {
  BATCH,
  context,
  coreGraph,
  cut,
  joined,
  runCore,
  smallCore,
  smallOptions,
  someState,
  STATEFUL,
  UNROLL_LENGTH,
  WIDTH,
  zeroState,
  type Results,
  type Sequence,
} from './small-cores.ts';

const TIME = 7;

describe('a core that keeps its state for an episode', () => {
  const direct: Readonly<Record<string, SequenceCore>> = {
    lstm: lstmCore({ modelDim: 8, carry: 'episode' }, context),
    srwm: srwmCore(smallOptions('srwm') as SrwmCoreOptions, context),
    delta_delta: deltaDeltaCore(smallOptions('delta_delta') as DeltaDeltaCoreOptions, context),
  };

  test.each(Object.entries(direct))('is the same program as without the option: %s', (kind, core) => {
    const hashOf = (made: SequenceCore) => coreGraph(made, TIME).hash;
    expect(hashOf(smallCore(kind as CoreKind))).toBe(hashOf(core));
    for (const carry of ['step', 'unroll'])
      expect(hashOf(smallCore(kind as CoreKind, { carry }))).not.toBe(hashOf(core));
  });
});

describe.skipIf(python === null)(`a core's state (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
    for (const kind of STATEFUL) await makeSet(session, kind, coreGraph(smallCore(kind), 1));
  });
  afterAll(() => session.close());

  const x = noise(TIME * BATCH * WIDTH, 1);
  const isFirst = flags(TIME * BATCH, 4, 4);
  const sequenceOf = (core: SequenceCore, firsts: readonly number[] = isFirst): Sequence => ({
    ...{ time: TIME, x, isFirst: firsts },
    state: someState(core, 2),
  });
  /** is_first of the sequence, and of every step that `also` chooses. */
  const firstsAlso = (also: (step: number) => boolean) =>
    isFirst.map((flag, i) => (also(Math.floor(i / BATCH)) ? 1 : flag));

  describe.each(STATEFUL)('of %s', (kind) => {
    const usual = smallCore(kind);
    const run = (core: SequenceCore, sequence: Sequence): Promise<Results> =>
      runCore(session, kind, core, sequence);

    it('is gone at every step when it is carried for a step', async () => {
      const core = smallCore(kind, { carry: 'step' });
      expect(core.stateShapes(BATCH)).toEqual({});
      const got = await run(core, sequenceOf(core));
      const wanted = await run(
        usual,
        sequenceOf(
          usual,
          firstsAlso(() => true),
        ),
      );
      expect(largestDifference(got.y, wanted.y)).toBe(0);
    });

    it('is gone at the start of every unroll, wherever a call begins, when it is carried for an unroll', async () => {
      const core = smallCore(kind, { carry: 'unroll' });
      const sequence = sequenceOf(core);
      const whole = await run(core, sequence);
      const wanted = await run(
        usual,
        sequenceOf(
          usual,
          firstsAlso((step) => step % UNROLL_LENGTH === 0),
        ),
      );
      expect(largestDifference(whole.y, wanted.y)).toBeLessThan(1e-6);
      expect(whole.state['unroll/position']).toEqual(Array<number>(BATCH).fill(TIME % UNROLL_LENGTH));
      const before = await run(core, cut(sequence, 0, 4, sequence.state));
      const after = await run(core, cut(sequence, 4, TIME, before.state));
      expect(largestDifference(joined([before, after]).y, whole.y)).toBeLessThan(1e-6);
    });
  });

  it('of srwm goes through every boundary when it is carried for a run', async () => {
    const core = smallCore('srwm', { carry: 'run' });
    const never = Array<number>(TIME * BATCH).fill(0);
    const got = await runCore(session, 'srwm', core, sequenceOf(core));
    const wanted = await runCore(session, 'srwm', smallCore('srwm'), sequenceOf(core, never));
    expect(got).toEqual(wanted);
    expect(got).not.toEqual(await runCore(session, 'srwm', smallCore('srwm'), sequenceOf(core)));
  });

  it('of delta_delta keeps its first memory through every boundary, and not its second, when it is carried for a run', async () => {
    const kind = 'delta_delta';
    const core = smallCore(kind, { carry: 'run' });
    const opens = Array.from({ length: TIME * BATCH }, (_, i) => Number(i < BATCH));
    const { state } = sequenceOf(core, opens);
    const only = (wanted: string) => ({
      ...zeroState(core),
      ...Object.fromEntries(Object.entries(state).filter(([name]) => name.endsWith(wanted))),
    });
    const from = (chosen: Sequence['state']) =>
      runCore(session, kind, core, { ...sequenceOf(core, opens), state: chosen });
    const both = await from(state);
    expect(await from(only('/fast_weights'))).toEqual(both);
    expect(await from(only('/very_fast_weights'))).not.toEqual(both);
  });
});
