/** Calls that wait for an answer, oldest first. */
import type { ErrorHeader, ReplyHeader } from '../protocol/envelope.ts';
import { RemoteError, type SrwmError } from '../protocol/errors.ts';
import { deadlineExceeded, remoteFailure, requestCancelled, type PendingCall } from './failures.ts';
import type { Statistics } from './statistics.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

/** A call as it was made; `trace.stack` is the caller's stack. */
export interface NewCall extends CallOptions {
  readonly verb: string;
  readonly trace: { readonly stack?: string };
  readonly resolve: (header: ReplyHeader, tensors: readonly Buffer[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Entry extends NewCall, PendingCall {
  readonly stopWaiting: () => void;
}

export interface RequestEvents {
  /** Nobody waits any more, but the worker may still be at it. */
  readonly onAbandoned: (call: PendingCall) => void;
  /** A deadline passed; may end everything with WORKER_HUNG. */
  readonly onDeadline: (call: PendingCall) => void;
  readonly phase: () => string;
}

export class RequestTable {
  readonly #entries = new Map<number, Entry>();
  readonly #events: RequestEvents;
  readonly #statistics: Statistics;
  #lastId = 0;

  constructor(events: RequestEvents, statistics: Statistics) {
    this.#events = events;
    this.#statistics = statistics;
  }

  /** The id that the next call will have; requests of one worker are numbered from 1. */
  get nextId(): number {
    return this.#lastId + 1;
  }

  /** The call that the worker is at, as far as this side can know. */
  get oldest(): PendingCall | null {
    return this.#entries.values().next().value ?? null;
  }

  /** Waits for the answer to request `nextId`. */
  add(call: NewCall): void {
    const id = (this.#lastId += 1);
    const { signal, deadlineMs } = call;
    const self = { id, verb: call.verb };
    const onAbort = (): void => this.#abandon(self, abortReason(self, signal));
    const onDeadline = (): void => {
      // Asked first: when the worker hangs, this call rejects with that, which says more.
      this.#events.onDeadline(self);
      this.#abandon(
        self,
        withTrace(deadlineExceeded(self, deadlineMs ?? 0, this.#events.phase()), call.trace),
      );
    };
    const timer = deadlineMs === undefined ? undefined : setTimeout(onDeadline, deadlineMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const stopWaiting = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    if (this.#entries.size === 0) this.#statistics.waitBegins();
    this.#entries.set(id, { ...call, id, stopWaiting });
  }

  /** Answers a call; an answer to a call that was given up is dropped. */
  reply(header: ReplyHeader, tensors: readonly Buffer[]): void {
    this.#take(header.id)?.resolve(header, tensors);
  }

  fail(header: ErrorHeader): void {
    const entry = this.#take(header.id);
    if (entry === undefined) return;
    const { id, verb } = entry;
    entry.reject(withTrace(remoteFailure(header.error, { id, verb }), entry.trace));
  }

  /** Rejects everything. `makeError` is asked for each call, so that each keeps the stack of its caller. */
  rejectAll(makeError: (running: PendingCall | null) => SrwmError): void {
    const running = this.oldest;
    for (const id of [...this.#entries.keys()]) {
      const entry = this.#take(id);
      entry?.reject(withTrace(makeError(running), entry.trace));
    }
  }

  #abandon(call: PendingCall, error: unknown): void {
    const entry = this.#take(call.id);
    if (entry === undefined) return;
    entry.reject(error);
    this.#events.onAbandoned(call);
  }

  #take(id: number): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    entry.stopWaiting();
    if (this.#entries.size === 0) this.#statistics.waitEnds();
    return entry;
  }
}

/** What a cancelled call rejects with: the caller's own reason, or REQUEST_CANCELLED when it gave none. */
export function abortReason(call: PendingCall, signal: AbortSignal | undefined): unknown {
  const reason: unknown = signal?.reason;
  const isDefault = reason instanceof DOMException && reason.name === 'AbortError';
  return isDefault ? requestCancelled(call) : reason;
}

/** Puts the caller's stack in place of the stack of the socket's reader, and the Python traceback below it. */
export function withTrace(error: SrwmError, trace: { readonly stack?: string }): SrwmError {
  const frames = (trace.stack ?? '').split('\n').slice(1).join('\n');
  const remote = error instanceof RemoteError ? `\n--- Python traceback ---\n${error.remote.traceback}` : '';
  error.stack = `${error.name} [${error.code}]: ${error.message}\n${frames}${remote}`;
  return error;
}
