/** A worker with the graphs it knows: what loops and evaluations talk to. */
import { availableParallelism } from 'node:os';
import type { Binding, KernelUse, ReplyBody, RequestBody, Verb } from '../../bridge/protocol/messages.ts';
import { Worker, type HostTensor } from '../../bridge/client/index.ts';
import type { Lane } from '../../bridge/protocol/envelope.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import {
  failedAssertion,
  initializationKeys,
  initializationOf,
  observationsOf,
  valueSpecs,
  shown,
  type Graph,
  type InputSpecs,
  type Observation,
  type Outputs,
} from '../graph/index.ts';
import { HostArray } from './host-array.ts';
import { assertionError } from './numerics.ts';
import { printObservation } from './print-observation.ts';
import { randomKey } from './streams.ts';
import { TensorHandle } from './tensor-handle.ts';

/** Where Python and ProcGen are; set-up found them. */
export interface Places {
  readonly python: string;
  readonly pythonPath: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly procgenLibrary: string | null;
  /** Of the user: where files of environments are looked for. */
  readonly project: string;
}

/** Numbers, a tensor in the worker, or for a random key a bigint; one for each input of the graph. */
export type ComputeInputs<I extends InputSpecs> = {
  readonly [K in keyof I]: HostTensor | TensorHandle | bigint;
};

/** Which parameters a graph reads, and who hears its probes. */
export interface ComputeOptions {
  /** The parameter set that the graph reads. */
  readonly set?: string;
  /** Hears what `debug.print` and `debug.watch` see; without it they print on stderr. */
  readonly onDebug?: (observation: Observation) => void;
}

const MINUTE = 60_000;
/** For the large tensors that a script keeps in the worker at once; what is beyond travels by the socket. */
const ARENA_BYTES = 2 ** 28;
/** No single request takes so long, even on one slow core; a request that moves on outlives it. */
const DEADLINE_MS = 5 * MINUTE;

/** A worker to compute with: graphs go in once, tensors in and out; `call` reaches every verb of the protocol. */
export class Session implements AsyncDisposable {
  readonly worker: Worker;
  readonly device: string;
  readonly signal: AbortSignal | null;
  readonly #loaded = new Map<string, Graph>();
  readonly #kernels = new Map<string, KernelUse>();
  #handles = 0;

  private constructor(worker: Worker, device: string, signal: AbortSignal | null) {
    this.worker = worker;
    this.device = device;
    this.signal = signal;
  }

  /** Starts a worker on the configured device. `signal` stops that, and every pending call, at once. */
  static async start(
    places: Places,
    hardware: Omit<Config['hardware'], 'lanes'>,
    options: { readonly logFile: string | null; readonly signal?: AbortSignal },
  ): Promise<Session> {
    const worker = await Worker.start({
      python: places.python,
      pythonPath: places.pythonPath,
      threads: hardware.threads === 'auto' ? availableParallelism() : hardware.threads,
      environment: places.environment,
      arenaBytes: ARENA_BYTES,
      logFile: options.logFile,
      startTimeoutMs: 2 * MINUTE,
      ...(options.signal && { startSignal: options.signal }),
      pingIntervalMs: 1000,
      hungAfterMs: 30_000,
      stopGraceMs: 5000,
    });
    try {
      const device = chooseDevice(hardware.device, worker.hello.devices);
      requirePrecision(hardware.precision, device);
      const session = new Session(worker, device, options.signal ?? null);
      await session.call('configure', {
        device,
        ...(device !== 'cpu' && { tf32: hardware.precision === 'tf32' }),
      });
      return session;
    } catch (error) {
      await worker.close();
      throw error;
    }
  }

  async call<V extends Verb>(
    verb: V,
    body: RequestBody<V>,
    tensors: readonly HostTensor[] = [],
    lane?: Lane,
  ): Promise<ReplyBody<V>> {
    return (await this.exchange(verb, body, tensors, lane)).body;
  }

  /** `call`, with the tensors of the reply. */
  async exchange<V extends Verb>(
    verb: V,
    body: RequestBody<V>,
    tensors: readonly HostTensor[] = [],
    lane?: Lane,
  ): Promise<{ readonly body: ReplyBody<V>; readonly tensors: readonly HostTensor[] }> {
    const options = {
      tensors,
      lane,
      deadlineMs: DEADLINE_MS,
      ...(this.signal === null ? {} : { signal: this.signal }),
    };
    return this.worker.call(verb, body, options).catch((error: unknown) => {
      throw this.#withLine(error);
    });
  }

  /** Which implementation serves which op of the graphs loaded so far. */
  get kernels(): readonly KernelUse[] {
    return [...this.#kernels.values()];
  }

  /** Sends a graph unless the worker has it, and returns the hash that names it. */
  async load(graph: Graph): Promise<string> {
    if (!this.#loaded.has(graph.hash)) {
      const { kernels } = await this.call('load_graph', { hash: graph.hash, graph: graph.spec });
      this.#loaded.set(graph.hash, graph);
      for (const use of kernels) this.#kernels.set(`${use.op} ${use.implementation}`, use);
    }
    return graph.hash;
  }

  /** Runs a graph once; named outputs stay in the worker under handles. */
  async run(
    graph: Graph,
    options: {
      readonly set?: string;
      readonly inputs?: Readonly<Record<string, Binding>>;
      readonly store?: Readonly<Record<string, string>>;
      readonly fetch?: readonly string[];
      readonly tensors?: readonly HostTensor[];
      readonly lane?: Lane | undefined;
    },
  ): Promise<readonly HostTensor[]> {
    const body = {
      graph: await this.load(graph),
      set: options.set ?? null,
      inputs: { ...options.inputs },
      store: { ...options.store },
      fetch: [...(options.fetch ?? [])],
    };
    return (await this.exchange('run', body, options.tensors, options.lane)).tensors;
  }

  /**
   * Runs a graph on concrete numbers, or on tensors that are in the worker already, and returns every output. A random
   * key is given as a bigint; a graph with parameters needs the `set` that holds them. What `debug` looks at is printed.
   *
   * @example const { y } = await session.compute(graph, { x: fromArray([1, 2, 3]) }); y.toNumbers()
   * @throws SrwmError NUMERICS_ASSERTION where `debug.assertFinite` does not hold; GRAPH_INPUT, GRAPH_FAILED
   */
  async compute<I extends InputSpecs, O extends Outputs>(
    graph: Graph<I, O>,
    inputs: ComputeInputs<I>,
    options: ComputeOptions = {},
  ): Promise<{ readonly [K in keyof O]: HostArray }> {
    const { onDebug, ...where } = options;
    const { own, seen } = outputsOf(graph);
    const results = await this.run(graph, { ...where, ...bind(inputs), fetch: [...own, ...seen] });
    report(graph, seen, results.slice(own.length), onDebug);
    const named = own.map((name, i) => [name, new HostArray(results[i] as HostTensor)]);
    return Object.fromEntries(named) as { readonly [K in keyof O]: HostArray };
  }

  /**
   * As `compute`, but the outputs stay in the worker until they are released.
   *
   * @example const { y } = await session.keep(graph, { x }); await y.toArray()
   */
  async keep<I extends InputSpecs, O extends Outputs>(
    graph: Graph<I, O>,
    inputs: ComputeInputs<I>,
    options: ComputeOptions = {},
  ): Promise<{ readonly [K in keyof O]: TensorHandle }> {
    const { onDebug, ...where } = options;
    const { own, seen } = outputsOf(graph);
    const ids = own.map((name) => [name, this.#nextHandle()] as const);
    const store = Object.fromEntries(ids);
    const results = await this.run(graph, { ...where, ...bind(inputs), store, fetch: seen });
    report(graph, seen, results, onDebug);
    const specs = valueSpecs(graph.spec);
    const handles = graph.spec.outputs.slice(0, own.length).map(({ name, value }, i) => {
      const { shape, dtype } = specs[value] as (typeof specs)[number];
      return [
        name,
        new TensorHandle(this, (ids[i] as readonly [string, string])[1], {
          shape,
          dtype: dtype as HostTensor['dtype'],
        }),
      ];
    });
    return Object.fromEntries(handles) as { readonly [K in keyof O]: TensorHandle };
  }

  /**
   * Sends a tensor, which then stays in the worker. It is copied before this returns.
   *
   * @example await using x = await session.put(fromArray([1, 2, 3])); await session.compute(graph, { x })
   */
  async put<D extends HostTensor['dtype']>(
    tensor: HostTensor & { readonly dtype: D },
  ): Promise<TensorHandle<D>> {
    requireTensor('put', tensor);
    const id = this.#nextHandle();
    await this.call('put', { handles: [id] }, [tensor]);
    return new TensorHandle(this, id, tensor);
  }

  /**
   * Makes the parameter set `set`: everything that the graphs declare, each parameter from its own random stream of
   * `seed`. Returns how many numbers they are.
   *
   * @example await session.createParameters('net', [act, update], 7)
   * @throws SrwmError CONFIG_INVALID when `seed` is no whole number from 0.
   */
  async createParameters(set: string, graphs: readonly Graph[], seed: number): Promise<number> {
    requireSeed(seed);
    const declared = graphs
      .flatMap(({ declarations }) => declarations)
      .map((one) => [one.name, one] as const);
    const graph = initializationOf('initialize', [...new Map(declared).values()]);
    const keys = initializationKeys(graph).map(
      (name) => [name, key(randomKey(seed, `initialize/${name}`))] as const,
    );
    const body = { set, graph: await this.load(graph), inputs: Object.fromEntries(keys) };
    const { parameters } = await this.call('create_parameters', body);
    return parameters.reduce((total, { shape }) => total + shape.reduce((size, dim) => size * dim, 1), 0);
  }

  #nextHandle(): string {
    this.#handles += 1;
    return `user/${this.#handles}`;
  }

  /** A graph that was sent. */
  graphOf(hash: string): Graph {
    const graph = this.#loaded.get(hash);
    if (graph === undefined) throw new Error(`internal: no graph ${hash} was sent`);
    return graph;
  }

  /** `file:line:column` of a node of a graph that was sent. */
  lineOf(hash: string, node: number): string {
    const spec = this.#loaded.get(hash)?.spec;
    return spec?.locs[spec.nodes[node]?.loc ?? -1] ?? 'an unknown line';
  }

  #withLine(error: unknown): unknown {
    const remote =
      error instanceof SrwmError && 'remote' in error
        ? (error.remote as { graph: string | null; node: number | null })
        : null;
    if (remote === null || remote.graph === null || remote.node === null) return error;
    (error as Error).message += `\n    at ${this.lineOf(remote.graph, remote.node)}`;
    return error;
  }

  close(): Promise<void> {
    return this.worker.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function chooseDevice(wanted: string, devices: readonly { readonly name: string }[]): string {
  const names = devices.map((device) => device.name);
  if (wanted === 'auto') return names.find((name) => name.startsWith('cuda')) ?? 'cpu';
  if (names.includes(wanted)) return wanted;
  throw new SrwmError('WORKER_DEVICE', `hardware.device: must be one of ${names.join(', ')}, got ${wanted}.`);
}

function requirePrecision(precision: Config['hardware']['precision'], device: string): void {
  if (precision !== 'tf32' || device !== 'cpu') return;
  throw new SrwmError(
    'CONFIG_INVALID',
    `hardware.precision: tf32 is how NVIDIA GPUs multiply, and must be float32 or bfloat16 here, where hardware.device auto found no GPU.`,
    { remedy: 'Set hardware.precision=float32.' },
  );
}

export const handle = (id: string): Binding => ({ kind: 'handle', id });
export const key = (value: bigint): Binding => ({ kind: 'key', value });
export const frame = (index: number): Binding => ({ kind: 'frame', index });

/** The outputs of the program, and behind them those of its probes. */
function outputsOf({ spec, probes }: Graph): { readonly own: string[]; readonly seen: string[] } {
  const names = spec.outputs.map(({ name }) => name);
  const count = probes.reduce((sum, { statistics }) => sum + statistics.length, 0);
  return { own: names.slice(0, names.length - count), seen: names.slice(names.length - count) };
}

/** Tells what the probes of one run saw. @throws SrwmError NUMERICS_ASSERTION */
function report(
  graph: Graph,
  names: readonly string[],
  scalars: readonly HostTensor[],
  onDebug: ComputeOptions['onDebug'] = (observation) => printObservation(observation),
): void {
  const values = Object.fromEntries(
    names.map((name, i) => [name, new HostArray(scalars[i] as HostTensor).item()]),
  );
  for (const observation of observationsOf(graph, values, null)) onDebug(observation);
  const failed = failedAssertion(graph, values);
  if (failed !== null) throw assertionError(failed, `graph "${graph.name}": `, null);
}

function bind(inputs: Readonly<Record<string, HostTensor | TensorHandle | bigint>>) {
  const tensors: HostTensor[] = [];
  const bindings = Object.entries(inputs).map(([name, value]): [string, Binding] => {
    if (typeof value === 'bigint') return [name, key(value)];
    if (value instanceof TensorHandle) return [name, handle(value.id)];
    requireTensor(`input "${name}"`, value);
    return [name, frame(tensors.push(value) - 1)];
  });
  return { inputs: Object.fromEntries(bindings), tensors };
}

/** JavaScript lets through what no worker could read: a list, a graph's own tensor, nothing. */
function requireTensor(who: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && 'data' in value && ArrayBuffer.isView(value.data))
    return;
  throw new SrwmError(
    'GRAPH_INPUT',
    `${who}: must be a tensor of numbers, a handle or a key, got ${shown(value)}.`,
    { remedy: 'Write fromArray([1, 2, 3]).' },
  );
}

function requireSeed(seed: number): void {
  if (Number.isSafeInteger(seed) && seed >= 0) return;
  throw new SrwmError('CONFIG_INVALID', `createParameters: seed must be a whole number from 0, got ${seed}.`);
}
