/** A worker and its calls: the one class of the bridge that the rest of the system uses. */
import { z } from 'zod';
import { encodeHeader } from '../protocol/codec.ts';
import type { ReplyHeader } from '../protocol/envelope.ts';
import { SrwmError, type WorkerExit } from '../protocol/errors.ts';
import { verbs, type ReplyBody, type RequestBody, type Verb } from '../protocol/messages.ts';
import * as failures from './failures.ts';
import { openLink, type Hello } from './handshake.ts';
import type { Incoming, Link, PlacedTensor } from './link.ts';
import { Liveness } from './liveness.ts';
import type { WorkerOptions } from './options.ts';
import { abortReason, RequestTable, type CallOptions } from './requests.ts';
import { callerStack, withTrace } from './traces.ts';
import { Statistics } from './statistics.ts';
import { checkTensor, type HostTensor } from './tensors.ts';

export interface WorkerCallOptions extends CallOptions {
  /** Copied before `call` returns: the caller may write to them again at once. */
  readonly tensors?: readonly HostTensor[] | undefined;
}

export interface Reply<V extends Verb> {
  readonly body: ReplyBody<V>;
  readonly tensors: HostTensor[];
}

/** How long the end of a process may come behind that of its sockets. */
const DEATH_MS = 500;

/** Of a request or a reply without tensors, which nearly all are. */
const NONE: readonly never[] = [];

/** Why no further call can succeed; asked for each call, so that each error has its caller's stack. */
type Fault = (running: failures.PendingCall | null) => SrwmError;

export class Worker implements AsyncDisposable {
  readonly hello: Hello;
  readonly statistics = new Statistics();
  readonly #link: Link;
  readonly #stopGraceMs: number;
  readonly #requests: RequestTable;
  readonly #liveness: Liveness;
  #fault: Fault | null = null;
  #closing: Promise<void> | null = null;

  private constructor(link: Link, hello: Hello, options: WorkerOptions) {
    this.#link = link;
    this.hello = hello;
    this.#stopGraceMs = options.stopGraceMs;
    const soFar = (): WorkerExit => link.process.soFar;
    this.#liveness = new Liveness(options, {
      sendPing: (sequence) => link.sendControl('PING', { sequence }),
      onSilent: (silentMs) => this.#fail((running) => failures.workerSilent(silentMs, soFar(), running)),
      onStuck: (call, phase, stillMs) =>
        this.#fail(() => failures.workerStuck(call, phase, stillMs, soFar())),
    });
    this.#requests = new RequestTable(
      {
        phase: () => this.#liveness.phase,
        onAbandoned: ({ id }) => link.sendControl('CANCEL', { request: id }),
        onDeadline: (call) => this.#liveness.onDeadline(call),
      },
      this.statistics,
    );
    link.setReceiver({
      onMessage: (message, bytes) => this.#receive(message, bytes),
      onFailure: (error) => void this.#breakDown(error),
    });
    void link.process.exited.then((exit) => this.#fail((running) => failures.workerLost(exit, running)));
  }

  /** Starts a worker process and waits until it takes requests. Throws WORKER_START, PROTOCOL_VERSION. */
  static async start(options: WorkerOptions): Promise<Worker> {
    const { link, hello } = await openLink(options);
    return new Worker(link, hello, options);
  }

  /**
   * Sends a request and waits for its reply; the requests of a lane run in the order of the calls.
   * Rejects with RemoteError (the handler failed), WorkerLost (WORKER_LOST, WORKER_HUNG), or SrwmError
   * (DEADLINE_EXCEEDED, REQUEST_CANCELLED, WORKER_CLOSED, PROTOCOL_*), each with the stack of this call.
   */
  call<V extends Verb>(verb: V, body: RequestBody<V>, options: WorkerCallOptions = {}): Promise<Reply<V>> {
    const trace = callerStack();
    const reply = new Promise<Reply<V>>((resolve, reject) => {
      const id = this.#requests.nextId;
      if (this.#fault !== null) throw withTrace(this.#fault(null), trace);
      if (this.#closing !== null) throw withTrace(failures.workerClosed(verb), trace);
      if (options.signal?.aborted === true) throw abortReason({ id, verb }, options.signal);
      const tensors = options.tensors ?? NONE;
      for (const tensor of tensors) checkTensor(tensor, verb);
      const placed = tensors.length === 0 ? NONE : tensors.map((tensor) => this.#link.place(tensor));
      const specs = placed.length === 0 ? NONE : placed.map(({ spec }) => spec);
      const header = this.#encode(
        {
          id,
          verb,
          ...(options.lane !== undefined && { lane: options.lane }),
          deadline_ms: options.deadlineMs ?? null,
          body,
          tensors: specs,
        },
        placed,
      );
      this.#requests.add({
        verb,
        trace,
        lane: options.lane,
        signal: options.signal,
        deadlineMs: options.deadlineMs,
        reject,
        resolve: (answer, data) => {
          try {
            resolve(readReply(verb, answer, data));
          } catch (error) {
            reject(error);
          }
        },
      });
      this.statistics.calls += 1;
      this.statistics.bytesOut += header.length;
      for (const { data } of tensors) this.statistics.bytesOut += data.byteLength;
      this.#link.sendRequest(
        header,
        placed.flatMap(({ frame }) => frame ?? []),
      );
    });
    // With several calls under way, the first rejection is seen before the others are awaited: they are no accident.
    reply.catch(() => undefined);
    return reply;
  }

  #encode(header: object, placed: readonly PlacedTensor[]): Buffer {
    try {
      return encodeHeader(header);
    } catch (error) {
      this.#link.takeBack(placed);
      throw error;
    }
  }

  /** Stops the worker: asked, then by SIGTERM, then by SIGKILL. Pending calls reject with WORKER_CLOSED. */
  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #stop(): Promise<void> {
    if (this.#fault !== null) return this.#link.close();
    this.#liveness.stop();
    this.#requests.rejectAll((running) => failures.workerClosed(running?.verb ?? 'a call'));
    this.#link.sendControl('SHUTDOWN', {});
    this.#link.sendLastWork();
    if (!(await this.#link.process.endsWithin(this.#stopGraceMs))) {
      this.#link.process.signal('SIGTERM');
      await this.#link.process.endsWithin(this.#stopGraceMs);
    }
    await this.#link.close();
  }

  /** The worker is of no use any more: every pending call learns it now, the process is ended behind them. */
  #fail(fault: Fault): void {
    if (this.#fault !== null || this.#closing !== null) return;
    this.#fault = fault;
    this.#liveness.stop();
    this.#requests.rejectAll(fault);
    this.#closing = this.#link.close();
  }

  /** A connection mostly breaks because the process at its other end has died, and how it died says more. */
  async #breakDown(error: unknown): Promise<void> {
    if (!(error instanceof SrwmError)) await this.#link.process.endsWithin(DEATH_MS);
    this.#fail(() => failures.connectionBroken(error));
  }

  #receive(message: Incoming, bytes: number): void {
    switch (message.kind) {
      case 'PONG':
        this.#liveness.onPong(message.header);
        return;
      case 'REPLY':
        this.#count(message.header, bytes);
        this.#requests.reply(message.header, message.tensors);
        return;
      case 'ERROR':
        this.#count(message.header, bytes);
        if (message.header.id === 0) this.#fail(() => failures.remoteFailure(message.header.error, null));
        else this.#requests.fail(message.header);
        return;
      default:
        this.#fail(() => failures.invalidMessage(message.kind, 'a greeting after READY'));
    }
  }

  #count(header: { readonly id: number }, bytes: number): void {
    this.#liveness.onAnswer(header.id);
    this.statistics.bytesIn += bytes;
  }
}

function readReply<V extends Verb>(verb: V, header: ReplyHeader, data: readonly Buffer[]): Reply<V> {
  const parsed = verbs[verb].reply.safeParse(header.body);
  if (!parsed.success) throw failures.invalidReply(verb, z.prettifyError(parsed.error));
  if (header.tensors.length !== data.length) {
    throw failures.invalidReply(verb, `${data.length} frames for ${header.tensors.length} tensors`);
  }
  const body = parsed.data as ReplyBody<V>;
  if (data.length === 0) return { body, tensors: [] };
  const tensors = header.tensors.map(({ dtype, shape }, index) => ({
    dtype,
    shape,
    data: data[index] as Buffer,
  }));
  for (const tensor of tensors) checkTensor(tensor, verb);
  return { body, tensors };
}
