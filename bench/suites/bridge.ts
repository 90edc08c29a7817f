/** `bridge/*`: what the way between TypeScript and the worker costs. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostTensor } from '../../bridge/client/index.ts';
import { createParameters, Learner, SET, Session } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { startPython } from '../driver.ts';
import { dataHandles, dataKeys, easyConfig, updateInputs, updateProgram } from '../program.ts';
import { OneCore } from '../one-core.ts';
import { comparisonRow, figureRow, type Row } from '../row.ts';
import { compare, median, takePairs } from '../statistics.ts';

const WARM_UP = 2;
const PAYLOAD_BYTES = 64;
const ROUND_TRIPS = 250;
/** On any core the place of the processes decides a pair, and the system moves them every now and then. */
const ROUND_TRIP_PAIRS = 60;

/** The share of an update's wall time in which the worker was not at work. */
export async function shareRow(bench: Bench): Promise<Row> {
  const program = updateProgram(easyConfig('feed_forward', bench.assignments));
  const { config, update, columns } = program;
  await using session = await startSession(bench);
  await createParameters(session, program.agent, config.seed);
  const learner = new Learner(session, SET, 'agent', config.train.maxGradNorm);
  await learner.create(config.train.optimizer);
  await session.run(program.data, { inputs: dataKeys(), store: dataHandles(program) });
  const request = {
    graph: update,
    inputs: updateInputs(program),
    tensors:
      columns === null ? [] : [hostTensor('int64', BigInt64Array.from(columns, BigInt), [columns.length])],
    learningRate: config.train.learningRate,
  };
  const walls: number[] = [];
  const shares: number[] = [];
  for (let index = 0; index < WARM_UP + bench.pairs; index++) {
    const before = session.worker.statistics.workerSeconds;
    const started = performance.now();
    await learner.update(request);
    const wall = (performance.now() - started) / 1000;
    if (index < WARM_UP) continue;
    walls.push(wall);
    shares.push(1 - (session.worker.statistics.workerSeconds - before) / wall);
  }
  return figureRow(
    {
      name: 'bridge/share',
      unit: 'share of an update',
      better: 'lower',
      goal: 0.01,
      detail: {
        what: "procgen-easy update, feed_forward (the shorter one): wall time less the worker's own, over wall time",
        wall_seconds: median(walls),
      },
    },
    shares,
  );
}

/** 64 bytes to the worker and its answer back, against the same bytes over a raw unix socket; all of it on one core. */
export async function roundTripRow(bench: Bench): Promise<Row> {
  const { pairs, ...held } = await onOneCore(bench);
  const free = await roundTrips(bench);
  const { median: ratio, ours, rival } = compare(free.pairs);
  return comparisonRow(
    {
      name: 'bridge/round_trip',
      unit: 'us',
      better: 'lower',
      goal: 8,
      detail: {
        what: 'release of one name of 64 bytes, awaited, against 64 bytes echoed by Python over a raw unix socket; both sides on one core',
        round_trips_a_pair: ROUND_TRIPS,
        ...held,
        on_any_core: { ratio, ours, rival, ours_p99: free.ours_p99, rival_p99: free.rival_p99 },
      },
    },
    pairs,
  );
}

async function onOneCore(bench: Bench) {
  await using core = await OneCore.hold(bench);
  return { core: core.index, ...(await roundTrips(bench)) };
}

async function roundTrips(bench: Bench) {
  await using session = await startSession(bench);
  await using raw = await RawSocket.open(bench);
  const name = 'x'.repeat(PAYLOAD_BYTES);
  const tensor = hostTensor('uint8', new Uint8Array(PAYLOAD_BYTES), [PAYLOAD_BYTES]);
  const sides = {
    ours: async () => void (await session.worker.call('release', { handles: [name] })),
    rival: () => raw.exchange(),
  };
  const all: Record<'ours' | 'rival', number[]> = { ours: [], rival: [] };
  const take = async (oursFirst: boolean) => {
    const pair = { ours: 0, rival: 0 };
    for (const side of oursFirst ? (['ours', 'rival'] as const) : (['rival', 'ours'] as const)) {
      const times = await timesOf(ROUND_TRIPS, sides[side]);
      all[side].push(...times);
      pair[side] = median(times);
    }
    return pair;
  };
  await takePairs(WARM_UP, take);
  for (const side of Object.values(all)) side.length = 0;
  const pairs = await takePairs(Math.max(bench.pairs, ROUND_TRIP_PAIRS), take);
  const puts = await timesOf(ROUND_TRIPS, async () => {
    await session.worker.call('put', { handles: [name] }, { tensors: [tensor] });
  });
  const p99 = (values: readonly number[]) =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)];
  return {
    pairs,
    ours_p99: p99(all.ours),
    rival_p99: p99(all.rival),
    put_of_a_64_byte_tensor: median(puts),
  };
}

function startSession(bench: Bench): Promise<Session> {
  const hardware = { device: bench.device, precision: 'float32', threads: bench.threads } as const;
  return Session.start(bench.places, hardware, { logFile: null, signal: bench.signal });
}

/** Microseconds of each of `count` calls, one after the other. */
async function timesOf(count: number, call: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const started = performance.now();
    await call();
    times.push((performance.now() - started) * 1000);
  }
  return times;
}

class RawSocket implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #close: () => Promise<void>;
  readonly #payload = Buffer.alloc(PAYLOAD_BYTES);
  #received = 0;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, close: () => Promise<void>) {
    this.#socket = socket;
    this.#close = close;
    socket.on('data', (data) => {
      this.#received += data.length;
      if (this.#received >= PAYLOAD_BYTES) this.#wake();
    });
  }

  static async open(bench: Bench): Promise<RawSocket> {
    const folder = await mkdtemp(path.join(tmpdir(), 'srwm-bench-'));
    const address = path.join(folder, 's');
    const server = createServer().listen(address);
    await once(server, 'listening');
    const child = startPython(['rivals.echo', address, String(PAYLOAD_BYTES)], bench);
    const [socket] = (await once(server, 'connection')) as [Socket];
    return new RawSocket(socket, async () => {
      const exited = once(child, 'exit');
      socket.destroy();
      server.close();
      await exited;
      await rm(folder, { recursive: true, force: true });
    });
  }

  exchange(): Promise<void> {
    this.#received = 0;
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#socket.write(this.#payload);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
