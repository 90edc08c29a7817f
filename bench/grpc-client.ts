/** gRPC from TypeScript, as its users call it: one channel for all calls, to a Python server of `rivals/grpc_server.py`. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as Grpc from '@grpc/grpc-js';
import type { Bench } from './bench.ts';
import { startPython } from './driver.ts';
import { CannotMeasure } from './row.ts';

/** The servers that its experts would choose between. */
export const GRPC_SERVERS = [
  { kind: 'threads', tuning: 'defaults' },
  { kind: 'threads', tuning: 'large_frames' },
  { kind: 'asyncio', tuning: 'defaults' },
  { kind: 'asyncio', tuning: 'large_frames' },
] as const;
export type GrpcServer = (typeof GRPC_SERVERS)[number];

const METHOD = '/bench.Tensors/Put';
const bytes = (value: Buffer): Buffer => value;

/** The package, which only a development checkout has. */
export function requireGrpc(): typeof Grpc {
  try {
    return createRequire(import.meta.url)('@grpc/grpc-js') as typeof Grpc;
  } catch {
    throw new CannotMeasure('the rival needs @grpc/grpc-js, which only a development checkout installs');
  }
}

export class GrpcClient implements AsyncDisposable {
  readonly server: GrpcServer;
  readonly #client: Grpc.Client;
  readonly #close: () => Promise<void>;

  private constructor(server: GrpcServer, client: Grpc.Client, close: () => Promise<void>) {
    this.server = server;
    this.#client = client;
    this.#close = close;
  }

  /** Starts the server with its socket in `folder` and waits until it listens. */
  static async open(bench: Bench, server: GrpcServer, folder: string): Promise<GrpcClient> {
    const grpc = requireGrpc();
    const address = `unix:${path.join(folder, `${server.kind}-${server.tuning}`)}`;
    const child = startPython(['rivals.grpc_server', server.kind, address, server.tuning], bench);
    let log = '';
    child.stderr.on('data', (text: Buffer) => (log += text.toString()));
    const exited = once(child, 'exit');
    const ready = await Promise.race([once(child.stdout, 'data').then(() => true), exited.then(() => false)]);
    if (!ready) {
      if (log.includes("No module named 'grpc'"))
        throw new CannotMeasure('the rival needs grpcio: srwm setup --dev installs it');
      throw new Error(`rivals.grpc_server ended before it was ready: ${log}`);
    }
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
    });
    return new GrpcClient(server, client, async () => {
      client.close();
      child.stdin.end();
      await exited;
    });
  }

  /** One unary call: the payload there, nothing back. */
  put(payload: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(METHOD, bytes, bytes, payload, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
