/** What a sequence core is: one function over [T, B, M] with is_first and a state. Acting calls it with T = 1. */
import type { Bptt, Tensor } from '../../graph/index.ts';
import type { InitializationScheme } from '../schemes.ts';

/** What a core carries from step to step: tensors [B, ...] by name. */
export type CoreState = Readonly<Record<string, Tensor>>;

/** Shapes [B, ...] of carried tensors by name, for B sequences. */
export type StateShapes = (batch: number) => Readonly<Record<string, readonly number[]>>;

/** What carries a state through time: [T, B, M] to [T, B, M']. */
export interface SequenceCore {
  /** Shape of each carried tensor for B sequences; all float32, zero at the start of a run. */
  readonly stateShapes: StateShapes;
  /** x [T, B, M], isFirst [T, B] bool: the state is reset *before* a step whose isFirst is true. */
  readonly apply: (
    x: Tensor,
    isFirst: Tensor,
    state: CoreState,
  ) => { readonly y: Tensor; readonly state: CoreState };
}

/** What every core is told beside its own options. */
export interface CoreContext {
  /** How layers start. */
  readonly scheme: InitializationScheme;
  /** How far gradients reach through the carried state: the whole unroll, or one step. */
  readonly bptt: Bptt;
  /** Steps between two resets of a core whose state is carried for one unroll; null where no core is. */
  readonly unrollLength: number | null;
}

/** The carried tensor of that name: the trace of an agent gives every one that `stateShapes` names. */
export function carried(state: CoreState, name: string): Tensor {
  const tensor = state[name];
  if (tensor === undefined) throw new Error(`internal: no core state "${name}"`);
  return tensor;
}
