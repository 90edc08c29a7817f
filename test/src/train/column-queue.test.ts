/** The queue of columns against plain lists: what each update takes, tensor by tensor, and what a loss makes of it. */
import { describe, expect, it } from 'vitest';
import { toTypedArray, type HostTensor } from '../../../bridge/client/index.ts';
import type { Binding } from '../../../bridge/protocol/messages.ts';
import {
  parseAssignment,
  presetNamed,
  presets,
  resolveConfig,
  type Config,
  type ImpalaConfig,
} from '../../../src/config/index.ts';
import type { Graph } from '../../../src/graph/index.ts';
import {
  frame,
  handle,
  impalaObjective,
  randomKey,
  SET,
  slotTasks,
  windowSizes,
  type Parts,
  type Session,
} from '../../../src/train/index.ts';
import { columnTensor } from '../../../src/train/columns.ts';
import { ColumnQueue } from '../../../src/train/impala/column-queue.ts';
import {
  columnsUnder,
  mostLeftOver,
  tensorHandles,
  unrollsOfCycle,
  windowOptions,
  type Columns,
} from '../../../src/train/impala/column-window.ts';
import { MOMENTS } from '../../../src/train/impala/popart.ts';
import { makeParts } from '../../../src/train/parts.ts';
import {
  largestDifference,
  needsPython,
  numbers,
  places,
  python,
  startSession,
  tensor,
} from '../../support/session.ts';

describe('the window over columns', () => {
  it.each([
    [48, 32, 16, 2],
    [96, 32, 0, 1],
    [32, 32, 0, 1],
    [16, 32, 16, 2],
    [4, 10, 8, 5],
    [7, 3, 2, 3],
    [1, 32, 31, 32],
  ])('of %i slots and batches of %i has room for what is left over', (numEnvs, batchSize, most, cycle) => {
    const over = Array.from({ length: cycle }, (_, unroll) => ((unroll + 1) * numEnvs) % batchSize);
    expect(Math.max(...over)).toBe(most);
    expect(over.indexOf(0)).toBe(cycle - 1);
    expect(mostLeftOver(numEnvs, batchSize)).toBe(most);
    expect(unrollsOfCycle(numEnvs, batchSize)).toBe(cycle);
  });

  it.each([
    [48, 32, 6],
    [96, 32, 6],
    [4, 10, 3],
    [7, 3, 2],
  ])('of %i slots and batches of %i keeps the game of a column', (numEnvs, batchSize, numGames) => {
    const { tasks, numEnvs: size } = windowSizes(ofGames(numGames, numEnvs, batchSize));
    // The stream of columns: slot after slot, unroll after unroll.
    const stream = Array.from({ length: 40 * numEnvs }, (_, column) => (column % numEnvs) % numGames);
    expect(size).toBe(numEnvs + mostLeftOver(numEnvs, batchSize));
    expect(tasks).toEqual(stream.slice(-size));
  });
});

function ofGames(numGames: number, numEnvs: number, batchSize: number): Config {
  const games = ['bigfish', 'fruitbot', 'maze', 'leaper', 'plunder', 'starpilot'].slice(0, numGames);
  const easy = presets.procgenEasy();
  const environment = { ...easy.environment, games, numEnvs } as Config['environment'];
  return { ...easy, train: { ...easy.train, unrollLength: T, batchSize }, environment };
}

const T = 5;
const COMMON = [
  'algorithm.kind=impala',
  `train.unrollLength=${T}`,
  'evaluation.atEnd=false',
  'hardware.device=cpu',
];
const CATCH = ['environment.rows=4', 'environment.columns=3'];
/** Float observations, random places, and a limit of 6 steps. */
const WALK = [
  'environment.kind=gymnasium',
  'environment.env=./test/envs/fixtures/walk.py:Walk',
  'environment.kwargs.ends=truncated',
  'environment.kwargs.num_actions=2',
  'model.encoder.scale=0.01',
];
const FORGETFUL = 'model.core.kind=feed_forward';
const LSTM = ['model.core.kind=lstm', 'model.core.modelDim=8'];
const GAMES = [
  'environment.games=starpilot,leaper',
  'environment.numHosts=1',
  'algorithm.valueScale.kind=popart',
];

interface Case {
  readonly preset?: string;
  readonly sets: readonly string[];
  readonly numEnvs: number;
  readonly batchSize: number;
  readonly unrolls: number;
}

const everywhere: [string, Case][] = [
  ['SRWM states, 6 slots for 4', { sets: CATCH, numEnvs: 6, batchSize: 4, unrolls: 4 }],
  [
    'LSTM states and limits, 4 slots for 10',
    { sets: [...WALK, ...LSTM], numEnvs: 4, batchSize: 10, unrolls: 6 },
  ],
  ['no state, 4 slots for 8', { sets: [...CATCH, FORGETFUL], numEnvs: 4, batchSize: 8, unrolls: 5 }],
];
const onProcgen: [string, Case][] = [
  [
    'PopArt of two games, 7 slots for 3',
    { preset: 'quickstart', sets: GAMES, numEnvs: 7, batchSize: 3, unrolls: 2 },
  ],
];
const cases = places.procgenLibrary === null ? everywhere : [...everywhere, ...onProcgen];

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

/** Collects unrolls into a queue of its own, and beside it keeps every column that ever came. */
class Stream {
  readonly columns: Record<string, number[][]> = {};
  readonly kinds: Record<string, HostTensor> = {};

  readonly session: Session;
  readonly config: Config;
  readonly parts: Parts;
  readonly queue: ColumnQueue;

  private constructor(session: Session, config: Config, parts: Parts) {
    this.session = session;
    this.config = config;
    this.parts = parts;
    this.queue = new ColumnQueue(session, parts.agent, config, false);
  }

  static async start(session: Session, { sets, numEnvs, batchSize, preset = 'tiny' }: Case): Promise<Stream> {
    const all = [...COMMON, ...sets, `environment.numEnvs=${numEnvs}`, `train.batchSize=${batchSize}`];
    const { config } = resolveConfig(presetNamed(preset).config(), preset, all.map(parseAssignment));
    const parts = await makeParts(session, config, places, true);
    const stream = new Stream(session, config, parts);
    await stream.queue.prepare(true);
    return stream;
  }

  get size(): number {
    return windowSizes(this.config).numEnvs;
  }

  /** Every tensor that a loss reads, by `prefix`. */
  handles(columns: Columns, prefix: string): Record<string, string> {
    return tensorHandles(this.parts.agent, columns, prefix, windowOptions(this.config, false));
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

const lossInput = (name: string): string => (name === '/logits' ? 'behaviour_logits' : name.slice(1));

describe.skipIf(python === null)(`the queue of columns (${needsPython})`, { timeout: 120_000 }, () => {
  it.each(cases)('gives every column to one update, in order and unchanged: %s', async (_, one) => {
    await using session = await startSession();
    const stream = await Stream.start(session, one);
    const { config, queue, parts, size } = stream;
    const { numEnvs, batchSize, unrolls } = one;
    const impala = config.algorithm as ImpalaConfig;
    const chosen = impalaObjective(parts.agent, impala, windowSizes(config));
    const ofSlots = slotTasks(config.environment);
    const taken: number[] = [];
    const versions: number[] = [];
    for (let unroll = 0; unroll < unrolls; unroll++) {
      const window = await stream.push(unroll, 10 * unroll);
      const end = (unroll + 1) * numEnvs;
      expect(Object.keys(window)).toHaveLength(Object.keys(stream.columns).length);
      for (const [name, columns] of Object.entries(window)) {
        const known = (stream.columns[name] as number[][]).slice(-size);
        expect(columns, name).toHaveLength(size);
        expect(columns.slice(-known.length), name).toEqual(known);
      }
      for (const batch of queue.batches()) {
        const inStream = batch.columns.map((place) => end - size + place);
        taken.push(...inStream);
        versions.push(...batch.versions);
        const tasks = inStream.map((column) => ofSlots[column % numEnvs] as number);
        const alone = { numEnvs: batchSize, batchSize, unrollLength: T, burnIn: 0, tasks };
        const wanted = await stream.lossOfColumns(impalaObjective(parts.agent, impala, alone), inStream);
        const found = await stream.lossOf(chosen, batch.columns);
        for (const [name, values] of Object.entries(wanted)) {
          const difference = largestDifference(found[name] as number[], values);
          expect(difference, name).toBeLessThan(1e-5 * Math.max(1, ...values.map(Math.abs)));
        }
      }
      expect(queue.waiting).toHaveLength(end % batchSize);
      expect(taken).toHaveLength(end - (end % batchSize));
    }
    expect(taken).toEqual([...taken.keys()]);
    expect(versions).toEqual(taken.map((column) => 10 * Math.floor(column / numEnvs)));
    expect(taken.length).toBeGreaterThan(batchSize);
  });
});
