/** A worker with the graphs it knows: what loops and evaluations talk to. */
import { availableParallelism } from 'node:os';
import type { Binding, KernelUse, ReplyBody, RequestBody, Verb } from '../../bridge/protocol/messages.ts';
import { Worker, type HostTensor } from '../../bridge/client/index.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import type { Graph } from '../graph/index.ts';

/** Where Python and ProcGen are; set-up found them. */
export interface Places {
  readonly python: string;
  readonly pythonPath: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly procgenLibrary: string | null;
}

const MINUTE = 60_000;
/** No single request takes so long, even on one slow core; a request that moves on outlives it. */
const DEADLINE_MS = 5 * MINUTE;

export class Session implements AsyncDisposable {
  readonly worker: Worker;
  readonly device: string;
  readonly signal: AbortSignal | null;
  readonly #loaded = new Map<string, Graph>();
  readonly #kernels = new Map<string, KernelUse>();

  private constructor(worker: Worker, device: string, signal: AbortSignal | null) {
    this.worker = worker;
    this.device = device;
    this.signal = signal;
  }

  /** Starts a worker on the configured device. `signal` stops every pending call at once. */
  static async start(
    places: Places,
    hardware: Config['hardware'],
    options: { readonly logFile: string | null; readonly signal?: AbortSignal },
  ): Promise<Session> {
    const worker = await Worker.start({
      python: places.python,
      pythonPath: places.pythonPath,
      threads: hardware.threads === 'auto' ? availableParallelism() : hardware.threads,
      environment: places.environment,
      logFile: options.logFile,
      startTimeoutMs: 2 * MINUTE,
      pingIntervalMs: 1000,
      hungAfterMs: 30_000,
      stopGraceMs: 5000,
    });
    try {
      const device = chooseDevice(hardware.device, worker.hello.devices);
      const session = new Session(worker, device, options.signal ?? null);
      await session.call('configure', { device });
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
  ): Promise<ReplyBody<V>> {
    return (await this.exchange(verb, body, tensors)).body;
  }

  /** `call`, with the tensors of the reply. */
  async exchange<V extends Verb>(
    verb: V,
    body: RequestBody<V>,
    tensors: readonly HostTensor[] = [],
  ): Promise<{ readonly body: ReplyBody<V>; readonly tensors: readonly HostTensor[] }> {
    const options = {
      tensors,
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
    },
  ): Promise<readonly HostTensor[]> {
    const body = {
      graph: await this.load(graph),
      set: options.set ?? null,
      inputs: { ...options.inputs },
      store: { ...options.store },
      fetch: [...(options.fetch ?? [])],
    };
    return (await this.exchange('run', body, options.tensors)).tensors;
  }

  /** Runs a graph on concrete numbers and returns every output. A random key is given as a bigint. */
  async compute(
    graph: Graph,
    inputs: Readonly<Record<string, HostTensor | bigint>>,
  ): Promise<Readonly<Record<string, HostTensor>>> {
    const tensors: HostTensor[] = [];
    const bindings = Object.entries(inputs).map(([name, value]): [string, Binding] => [
      name,
      typeof value === 'bigint' ? key(value) : frame(tensors.push(value) - 1),
    ]);
    const fetch = graph.spec.outputs.map(({ name }) => name);
    const results = await this.run(graph, { inputs: Object.fromEntries(bindings), fetch, tensors });
    return Object.fromEntries(fetch.map((name, i) => [name, results[i] as HostTensor]));
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

export const handle = (id: string): Binding => ({ kind: 'handle', id });
export const key = (value: bigint): Binding => ({ kind: 'key', value });
export const frame = (index: number): Binding => ({ kind: 'frame', index });
