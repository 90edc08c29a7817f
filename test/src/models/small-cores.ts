/** Every core of the table at sizes for tests, and its runs on plain numbers. */
import { cores as defaults, type CoreConfig } from '../../../src/config/index.ts';
import { tensorSpec, trace, type Graph, type Tensor } from '../../../src/graph/index.ts';
import {
  CORE_KINDS,
  makeCore,
  schemes,
  type CoreContext,
  type CoreKind,
  type SequenceCore,
} from '../../../src/models/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import { tensor } from '../../support/session.ts';
import { runOn } from './sets.ts';

export const BATCH = 3;
export const WIDTH = 5;
/** Steps between two resets of a core that keeps its state for an unroll. */
export const UNROLL_LENGTH = 3;

const SIZES = { modelDim: 8, numHeads: 2, numLayers: 2, ffDim: 6, releasedNorm: false };

export const context: CoreContext = { scheme: schemes.torch, bptt: 'unroll', unrollLength: UNROLL_LENGTH };

/** The options of a kind, its sizes small. */
export function smallOptions(kind: CoreKind, changes: object = {}): CoreConfig {
  const options: object = defaults[kind];
  const sizes = Object.entries(SIZES).filter(([key]) => key in options);
  return { ...options, ...Object.fromEntries(sizes), ...changes } as object as CoreConfig;
}

export function smallCore(
  kind: CoreKind,
  changes: object = {},
  told: Partial<CoreContext> = {},
): SequenceCore {
  return makeCore(smallOptions(kind, changes), { ...context, ...told });
}

export const hasState = (core: SequenceCore): boolean => Object.keys(core.stateShapes(1)).length > 0;

/** The kinds that carry something. */
export const STATEFUL = CORE_KINDS.filter((kind) => hasState(smallCore(kind)));

/** Numbers in time order: x [T, B, WIDTH], isFirst [T, B], and states by name. */
export interface Sequence {
  readonly time: number;
  readonly x: readonly number[];
  readonly isFirst: readonly number[];
  readonly state: Readonly<Record<string, readonly number[]>>;
}

export interface Results {
  readonly y: readonly number[];
  readonly state: Readonly<Record<string, readonly number[]>>;
}

export function coreGraph(core: SequenceCore, time: number): Graph {
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

/** Results of a core on a sequence, with the parameters of `set`. */
export async function runCore(
  session: Session,
  set: string,
  core: SequenceCore,
  { time, x, isFirst, state }: Sequence,
): Promise<Results> {
  const states = Object.entries(core.stateShapes(BATCH)).map(
    ([key, shape]) => [`state/${key}`, tensor(state[key] as number[], shape)] as const,
  );
  const graph = coreGraph(core, time);
  const given = {
    x: tensor(x, [time, BATCH, WIDTH]),
    is_first: tensor(isFirst, [time, BATCH], 'bool'),
    ...Object.fromEntries(states),
  };
  const used = graph.spec.inputs.map(({ name }) => [name, given[name as keyof typeof given]] as const);
  const { y, ...next } = await runOn(session, set, graph, Object.fromEntries(used));
  return {
    y: y as number[],
    state: Object.fromEntries(
      Object.entries(next).map(([key, value]) => [key.slice('state/'.length), value]),
    ),
  };
}

export function zeroState(core: SequenceCore): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(core.stateShapes(BATCH)).map(([name, shape]) => [
      name,
      Array<number>(shape.reduce((size, dim) => size * dim, 1)).fill(0),
    ]),
  );
}

export function someState(core: SequenceCore, seed: number): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(zeroState(core)).map(([name, zeros], i) => [
      name,
      // The place in an unroll is a count; everything else is any number.
      name === 'unroll/position' ? zeros : noise(zeros.length, seed + 100 * i),
    ]),
  );
}

/** Steps from `start` up to `end`, with a state of their own. */
export function cut(sequence: Sequence, start: number, end: number, state: Sequence['state']): Sequence {
  return {
    time: end - start,
    x: sequence.x.slice(start * BATCH * WIDTH, end * BATCH * WIDTH),
    isFirst: sequence.isFirst.slice(start * BATCH, end * BATCH),
    state,
  };
}

/** The sequence with an episode that begins at `step` in every slot. */
export function withFirst(sequence: Sequence, step: number): Sequence {
  return {
    ...sequence,
    isFirst: sequence.isFirst.map((flag, i) => (Math.floor(i / BATCH) === step ? 1 : flag)),
  };
}

export function joined(parts: readonly Results[]): Results {
  return { y: parts.flatMap((part) => part.y), state: (parts.at(-1) as Results).state };
}
