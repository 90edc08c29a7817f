/** Unrolls of a real pool in a queue of columns, and beside it every column that ever came, as plain lists. */
import { toTypedArray, type HostTensor } from '../../../bridge/client/index.ts';
import type { Binding } from '../../../bridge/protocol/messages.ts';
import { parseAssignment, presetNamed, resolveConfig, type Config } from '../../../src/config/index.ts';
import type { Graph } from '../../../src/graph/index.ts';
import type { Objective } from '../../../src/objectives/index.ts';
import {
  frame,
  handle,
  randomKey,
  SET,
  windowSizes,
  type Parts,
  type Session,
} from '../../../src/train/index.ts';
import { columnTensor } from '../../../src/train/columns.ts';
import { ColumnQueue } from '../../../src/train/impala/column-queue.ts';
import {
  columnsUnder,
  tensorHandles,
  windowOptions,
  type Columns,
} from '../../../src/train/impala/column-window.ts';
import { MOMENTS } from '../../../src/train/impala/popart.ts';
import { makeParts } from '../../../src/train/parts.ts';
import { numbers, places, tensor } from '../../support/session.ts';

/** Steps of an unroll. */
export const T = 5;
const COMMON = [
  'algorithm.kind=impala',
  `train.unrollLength=${T}`,
  'evaluation.atEnd=false',
  'hardware.device=cpu',
];

/** A run, and how many unrolls of it. */
export interface Case {
  readonly preset?: string;
  readonly loss?: Objective;
  readonly sets: readonly string[];
  readonly numEnvs: number;
  readonly batchSize: number;
  readonly unrolls: number;
}

const isState = (name: string): boolean => name.startsWith('/state/');

/** The columns of a tensor [T, B, ...] or of a core state [B, ...], each with all its numbers. */
function columnsOf(name: string, host: HostTensor): number[][] {
  const shape = isState(name) ? [1, ...host.shape] : host.shape;
  const [rows, count, ...rest] = shape as [number, number, ...number[]];
  const length = rest.reduce((size, dim) => size * dim, 1);
  const values = Array.from(toTypedArray(host), Number);
  const part = (row: number, column: number) =>
    values.slice((row * count + column) * length, (row * count + column + 1) * length);
  return Array.from({ length: count }, (_, column) =>
    Array.from({ length: rows }, (_, row) => part(row, column)).flat(),
  );
}

/** The tensor of these columns, of the kind that `like` is. */
function joined(name: string, columns: readonly number[][], like: HostTensor): HostTensor {
  const [rows, rest] = isState(name)
    ? [1, like.shape.slice(1)]
    : [like.shape[0] as number, like.shape.slice(2)];
  const length = rest.reduce((size, dim) => size * dim, 1);
  const values = Array.from({ length: rows }, (_, row) =>
    columns.map((column) => column.slice(row * length, (row + 1) * length)),
  );
  return tensor(values.flat(2), [...(isState(name) ? [] : [rows]), columns.length, ...rest], like.dtype);
}

const BEHAVIOUR: Readonly<Record<string, string>> = {
  '/logits': 'behaviour_logits',
  '/baseline': 'behaviour_values',
};
const lossInput = (name: string): string => BEHAVIOUR[name] ?? name.slice(1);

/** Collects unrolls into a queue of its own, and beside it keeps every column that ever came. */
export class Stream {
  readonly columns: Record<string, number[][]> = {};
  /** Of each tensor the newest unroll's, for its dtype and shape. */
  readonly kinds: Record<string, HostTensor> = {};
  readonly session: Session;
  readonly config: Config;
  readonly parts: Parts;
  readonly queue: ColumnQueue;
  readonly #withValues: boolean;

  private constructor(session: Session, config: Config, parts: Parts, withValues: boolean) {
    this.session = session;
    this.config = config;
    this.parts = parts;
    this.#withValues = withValues;
    this.queue = new ColumnQueue(session, parts.agent, config, withValues);
  }

  static async start(
    session: Session,
    { sets, numEnvs, batchSize, loss, preset = 'tiny' }: Case,
  ): Promise<Stream> {
    const all = [...COMMON, ...sets, `environment.numEnvs=${numEnvs}`, `train.batchSize=${batchSize}`];
    const { config } = resolveConfig(presetNamed(preset).config(), preset, all.map(parseAssignment));
    const parts = await makeParts(session, config, places, true);
    const stream = new Stream(session, config, parts, loss !== undefined);
    await stream.queue.prepare(true);
    return stream;
  }

  get size(): number {
    return windowSizes(this.config).numEnvs;
  }

  /** Every tensor that a loss reads, by `prefix`. */
  handles(columns: Columns, prefix: string): Record<string, string> {
    return tensorHandles(this.parts.agent, columns, prefix, windowOptions(this.config, this.#withValues));
  }

  async read(handles: Readonly<Record<string, string>>): Promise<[string, HostTensor][]> {
    const request = { handles: Object.values(handles), set: null, parameters: [] };
    const { tensors } = await this.session.exchange('get', request);
    return Object.keys(handles).map((name, i) => [name, tensors[i] as HostTensor]);
  }

  /** Collects unroll number `index`; returns the window behind it, column by column. */
  async push(index: number, version: number): Promise<Record<string, number[][]>> {
    const { collector } = this.parts;
    await collector.collect(randomKey(3, 'actions', index));
    const unroll = collector.handlesOf(0);
    for (const [name, host] of await this.read(this.handles(unroll, ''))) {
      this.kinds[name] = host;
      (this.columns[name] ??= []).push(...columnsOf(name, host));
    }
    const window = this.handles(await this.queue.push(unroll, version), '');
    return Object.fromEntries(
      (await this.read(window)).map(([name, host]) => [name, columnsOf(name, host)] as const),
    );
  }

  /** Every output of a loss, of places in the window. */
  lossOf(graph: Graph, places: readonly number[]): Promise<Record<string, number[]>> {
    const window = this.handles(columnsUnder(this.parts.agent, 'window'), '');
    const inputs = Object.entries(window).map(([name, id]) => [lossInput(name), handle(id)] as const);
    // A window of one batch is taken whole.
    const choice = places.length === this.size ? [] : [columnTensor(places)];
    return this.#run(graph, [...inputs, ...choice.map((_, i) => ['columns', frame(i)] as const)], choice);
  }

  /** The same of columns of the stream, put side by side here. */
  lossOfColumns(graph: Graph, chosen: readonly number[]): Promise<Record<string, number[]>> {
    const tensors = Object.entries(this.columns).map(([name, all]) =>
      joined(
        name,
        chosen.map((column) => all[column] as number[]),
        this.kinds[name] as HostTensor,
      ),
    );
    const inputs = Object.keys(this.columns).map((name, i) => [lossInput(name), frame(i)] as const);
    return this.#run(graph, inputs, tensors);
  }

  async #run(
    graph: Graph,
    inputs: readonly (readonly [string, Binding])[],
    tensors: readonly HostTensor[],
  ): Promise<Record<string, number[]>> {
    const named = graph.spec.inputs.map(({ name }) => name);
    const moments = Object.values(MOMENTS).filter((name) => named.includes(name));
    const all = [...inputs, ...moments.map((name) => [name, handle(name)] as const)];
    const fetch = graph.spec.outputs.map(({ name }) => name);
    const options = { set: SET, inputs: Object.fromEntries(all), tensors, fetch };
    const results = await this.session.run(graph, options);
    return Object.fromEntries(fetch.map((name, i) => [name, numbers(results[i])]));
  }
}
