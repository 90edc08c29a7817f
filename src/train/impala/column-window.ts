/**
 * All columns that a run ever collects make one stream, slot after slot and unroll after unroll. The worker holds a
 * window over it: the newest unroll, and before it as many older columns as can be left over when batches are taken from
 * the front. An unroll moves the window on by `numEnvs`, so that a place of it belongs to one slot for the whole run, and
 * with it to one game. Where the slots are a multiple of a batch nothing is ever left over: the window is the unroll.
 */
import type { Config } from '../../config/index.ts';
import {
  cat,
  tensorSpec,
  trace,
  zeros,
  type Graph,
  type InputSpecs,
  type Tensor,
} from '../../graph/index.ts';
import { policySpecs, stateNames, type Agent } from '../agent.ts';
import type { UnrollContext } from '../algorithm.ts';
import { handlesUnder, type UnrollHandles } from '../collector.ts';
import { columnDimension } from '../columns.ts';
import type { ObjectiveSizes } from '../objective-sizes.ts';
import { slotTasks } from '../tasks.ts';
import { finalValueSpecs } from '../truncation.ts';

/** The most columns that can be left over: what is over is always a multiple of the greatest common divisor. */
export function mostLeftOver(numEnvs: number, batchSize: number): number {
  return batchSize - greatestCommonDivisor(numEnvs, batchSize);
}

/** After so many unrolls no column is left over, and it all begins again. */
export function unrollsOfCycle(numEnvs: number, batchSize: number): number {
  return batchSize / greatestCommonDivisor(numEnvs, batchSize);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** What the graphs of learning are traced for: the window, with the task of each of its places. */
export function windowSizes({ train, environment }: Pick<Config, 'train' | 'environment'>): ObjectiveSizes {
  const { batchSize, unrollLength, burnIn } = train;
  const { numEnvs } = environment;
  const size = mostLeftOver(numEnvs, batchSize) + numEnvs;
  const ofSlots = slotTasks(environment);
  const tasks = Array.from({ length: size }, (_, place) => {
    // From the end backwards: the last place is the last slot's, and before an unroll lies the end of another.
    const behind = size - 1 - place;
    return ofSlots[numEnvs - 1 - (behind % numEnvs)] as number;
  });
  return { numEnvs: size, batchSize, unrollLength, burnIn, tasks };
}

/** Columns in the worker, by the handles of their tensors. */
export type Columns = Pick<UnrollContext, 'unroll' | 'initialState'>;

export interface WindowOptions {
  readonly numEnvs: number;
  readonly batchSize: number;
  readonly unrollLength: number;
  /** Also the values of the policy that acted, which a loss of the author's reads. */
  readonly withValues: boolean;
}

export function windowOptions(
  { train, environment }: Pick<Config, 'train' | 'environment'>,
  withValues: boolean,
): WindowOptions {
  const { batchSize, unrollLength } = train;
  return { numEnvs: environment.numEnvs, batchSize, unrollLength, withValues };
}

/** Every tensor of so many columns that a loss reads. */
function columnTensors(agent: Agent, columns: number, { unrollLength, withValues }: WindowOptions) {
  const specs: InputSpecs = {
    ...policySpecs(agent, unrollLength + 1, columns),
    action: tensorSpec([unrollLength, columns], 'int64'),
    logits: tensorSpec([unrollLength, columns, agent.numActions]),
    ...(withValues && { baseline: tensorSpec([unrollLength, columns]) }),
    ...finalValueSpecs(agent, unrollLength, columns),
  };
  return specs;
}

const FIELDS: Readonly<Record<string, keyof UnrollHandles>> = {
  is_first: 'isFirst',
  final_value: 'finalValue',
};

/** The handles of the tensors that a loss reads, by `prefix` and name. */
export function tensorHandles(
  agent: Agent,
  { unroll, initialState }: Columns,
  prefix: string,
  options: WindowOptions,
): Record<string, string> {
  const names = Object.keys(columnTensors(agent, 1, options));
  const handles = names.map((name) =>
    name.startsWith('state/')
      ? (initialState[name.slice('state/'.length)] as string)
      : unroll[FIELDS[name] ?? (name as keyof UnrollHandles)],
  );
  return Object.fromEntries(names.map((name, i) => [`${prefix}/${name}`, handles[i] as string]));
}

/** Places for columns that no unroll lies in. */
export function columnsUnder(agent: Agent, prefix: string): Columns {
  const states = stateNames(agent).map((name) => [name, `${prefix}/state/${name}`]);
  return { unroll: handlesUnder(prefix), initialState: Object.fromEntries(states) };
}

/** From `left_over/...` and `unroll/...` to `window/...`, and to the `left_over/...` of the next unroll. */
function windowGraph(agent: Agent, options: WindowOptions): Graph {
  const { numEnvs, batchSize } = options;
  const unroll = columnTensors(agent, numEnvs, options);
  const leftOver = columnTensors(agent, mostLeftOver(numEnvs, batchSize), options);
  const inputs = { ...under('left_over', leftOver), ...under('unroll', unroll) };
  return trace('column_window', inputs, (given: Readonly<Record<string, Tensor>>) => {
    const windows = Object.keys(unroll).map((name) => {
      const parts = [given[`left_over/${name}`] as Tensor, given[`unroll/${name}`] as Tensor];
      return [name, cat(parts, columnDimension(name))] as const;
    });
    const newest = windows.map(
      ([name, window]) => [name, window.slice(columnDimension(name), numEnvs)] as const,
    );
    return {
      ...under('window', Object.fromEntries(windows)),
      ...under('left_over', Object.fromEntries(newest)),
    };
  });
}

/** The graph above where columns can be left over, else none. */
export function windowGraphs(
  agent: Agent,
  config: Pick<Config, 'train' | 'environment'>,
  withValues: boolean,
): readonly Graph[] {
  const options = windowOptions(config, withValues);
  return mostLeftOver(options.numEnvs, options.batchSize) === 0 ? [] : [windowGraph(agent, options)];
}

/** The `left_over/...` of a run that has collected nothing, which no update reads. */
export function emptyLeftOverGraph(agent: Agent, options: WindowOptions): Graph {
  const specs = columnTensors(agent, mostLeftOver(options.numEnvs, options.batchSize), options);
  return trace('empty_left_over', {}, () => {
    const empty = Object.entries(specs).map(
      ([name, { shape, dtype }]) => [name, zeros(shape, dtype)] as const,
    );
    return under('left_over', Object.fromEntries(empty));
  });
}

function under<V>(prefix: string, named: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [`${prefix}/${name}`, value]));
}
