/** `bridge/grpc`: a small call and a tensor through the bridge and through gRPC, all of it on one core. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostTensor } from '../../bridge/client/index.ts';
import { Session } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { GRPC_SERVERS, GrpcClient, requireGrpc } from '../grpc-client.ts';
import { OneCore } from '../one-core.ts';
import { comparisonRow, type Row } from '../row.ts';
import { compare, median, takePairs, type Pair } from '../statistics.ts';

const GOAL = 5;
const WARM_UP = 2;
/** Calls of one side of a pair. */
const PAYLOADS = [
  { name: '64_bytes', size: 64, calls: 300 },
  { name: '12_megabytes', size: 12_000_000, calls: 7 },
] as const;
type Payload = (typeof PAYLOADS)[number];

type Call = () => Promise<void>;

/** Calls a second, of both payloads the one that gains less. */
export async function grpcRow(bench: Bench): Promise<Row> {
  requireGrpc();
  await using core = await OneCore.hold(bench);
  const folder = await mkdtemp(path.join(tmpdir(), 'srwm-bench-'));
  const clients: GrpcClient[] = [];
  try {
    const hardware = { device: bench.device, precision: 'float32', threads: 1 } as const;
    await using session = await Session.start(bench.places, hardware, {
      logFile: null,
      signal: bench.signal,
    });
    for (const server of GRPC_SERVERS) clients.push(await GrpcClient.open(bench, server, folder));
    const measured = [];
    for (const payload of PAYLOADS) measured.push(await measure(bench, session, clients, payload));
    const least = measured.reduce((a, b) => (a.ratio <= b.ratio ? a : b));
    return comparisonRow(
      {
        name: 'bridge/grpc',
        unit: 'calls/s',
        better: 'higher',
        goal: GOAL,
        detail: {
          what: 'calls a second, awaited one after the other, against unary calls from @grpc/grpc-js to the fastest of four servers of rivals/grpc_server.py; both sides on one core; the payload with the smaller gain',
          payload: least.payload,
          payloads: measured.map(({ pairs: _, ...rest }) => rest),
          core: core.index,
        },
      },
      least.pairs,
    );
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(bench: Bench, session: Session, clients: readonly GrpcClient[], payload: Payload) {
  const { name, size, calls } = payload;
  const bytes = Buffer.alloc(size, 7);
  const times = new Map<string, number>();
  const fastest = { client: clients[0] as GrpcClient, seconds: Infinity };
  for (const client of clients) {
    const call = () => client.put(bytes);
    await secondsOf(calls, call);
    const seconds = await secondsOf(calls, call);
    times.set(`${client.server.kind}, ${client.server.tuning}`, seconds);
    if (seconds < fastest.seconds) Object.assign(fastest, { client, seconds });
  }
  const ours = ourCall(session, bytes);
  const sides = { ours, rival: () => fastest.client.put(bytes) };
  const take = async (oursFirst: boolean): Promise<Pair> => {
    const pair = { ours: 0, rival: 0 };
    for (const side of oursFirst ? (['ours', 'rival'] as const) : (['rival', 'ours'] as const))
      pair[side] = 1 / (await secondsOf(calls, sides[side]));
    return pair;
  };
  await takePairs(WARM_UP, take);
  const pairs = await takePairs(Math.max(bench.pairs, 15), take);
  const { median: ratio, interval, ours: mine, rival } = compare(pairs);
  return {
    payload: name,
    ratio,
    interval,
    ours_us: 1e6 / mine,
    rival_us: 1e6 / rival,
    rival_server: fastest.client.server,
    rival_servers_us: Object.fromEntries([...times].map(([key, seconds]) => [key, seconds * 1e6])),
    pairs,
  };
}

/** 64 bytes travel as what a request says, larger things as a tensor that the worker keeps. */
function ourCall(session: Session, bytes: Buffer): Call {
  if (bytes.length <= 64) {
    const handles = ['x'.repeat(bytes.length)];
    return async () => void (await session.worker.call('release', { handles }));
  }
  const tensor = hostTensor('uint8', new Uint8Array(bytes), [bytes.length]);
  return async () => void (await session.worker.call('put', { handles: ['bench'] }, { tensors: [tensor] }));
}

/** The median of `count` calls. */
async function secondsOf(count: number, call: Call): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const started = performance.now();
    await call();
    times.push((performance.now() - started) / 1000);
  }
  return median(times);
}
