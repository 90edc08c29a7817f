/** How long a core keeps its state. */
import {
  arange,
  ones,
  remainder,
  stopGradient,
  where,
  zeros,
  type Bptt,
  type Tensor,
} from '../../graph/index.ts';
import { carried, type SequenceCore, type StateShapes } from './core.ts';

/**
 * When the state goes back to its start: at every `step` (no state at all), at the start of every `unroll` and
 * episode, at the start of every `episode`, or never in a `run` (cross-episode memory).
 */
export type Carry = 'step' | 'unroll' | 'episode' | 'run';

const POSITION = 'unroll/position';

/**
 * The core with its state kept as long as `carry` says. Cores that can keep theirs for a run do that themselves
 * (`resets`), for some of them reset a part of it.
 */
export function carrying(core: SequenceCore, carry: Carry, unrollLength: number | null): SequenceCore {
  if (carry === 'step') return forgetful(core);
  if (carry !== 'unroll') return core;
  if (unrollLength === null) throw new Error('internal: an unroll must have a length');
  return segmented(core, unrollLength);
}

/** Where the state is reset [T, B] bool: nowhere when it is carried through the run. */
export function resets(isFirst: Tensor, carry: Carry): Tensor {
  return carry === 'run' ? zeros(isFirst.shape, 'bool') : isFirst;
}

/**
 * What enters a step of a core's own `scan`: zero where an episode begins, and without gradients to earlier steps when
 * those are to reach through one step only. `isFirst` broadcasts over the state.
 */
export function entering(state: Tensor, isFirst: Tensor, bptt: Bptt): Tensor {
  return where(isFirst, 0, bptt === 'step' ? stopGradient(state) : state);
}

/** Starts anew at every step, so that there is nothing to carry (the released code's "no carry"). */
function forgetful(core: SequenceCore): SequenceCore {
  return {
    stateShapes: () => ({}),
    apply: (x, isFirst) => {
      const state = zeroState(core.stateShapes, x.size(1));
      const { y } = core.apply(x, ones(isFirst.shape, 'bool'), state);
      return { y, state: {} };
    },
  };
}

/**
 * Starts anew at the first step of every unroll as well. A counter in the state knows where that is: acting sees one
 * step at a time, and learning the T + 1 observations of an unroll, of which the last opens the next one.
 */
function segmented(core: SequenceCore, unrollLength: number): SequenceCore {
  return {
    stateShapes: (batch) => ({ ...core.stateShapes(batch), [POSITION]: [batch] }),
    apply: (x, isFirst, state) => {
      const { [POSITION]: _, ...own } = state;
      const start = carried(state, POSITION);
      const time = x.size(0);
      const passed = start.add(arange(time, 'float32').unsqueeze(-1));
      const opens = remainder(passed, unrollLength).eq(0);
      const { y, state: next } = core.apply(x, isFirst.logicalOr(opens), own);
      return { y, state: { ...next, [POSITION]: remainder(start.add(time), unrollLength) } };
    },
  };
}

function zeroState(shapes: StateShapes, batch: number): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(shapes(batch)).map(([name, shape]) => [name, zeros(shape)]));
}
