/** Calls that wait for an answer, oldest first. */
import type { ErrorHeader, Lane, ReplyHeader } from '../protocol/envelope.ts';
import type { SrwmError } from '../protocol/errors.ts';
import { deadlineExceeded, remoteFailure, requestCancelled, type PendingCall } from './failures.ts';
import type { Statistics } from './statistics.ts';
import { withTrace, type CallerStack } from './traces.ts';

export interface CallOptions {
  /** Left out: the one in which everything but acting waits its turn. */
  readonly lane?: Lane | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

/** A call as it was made. */
export interface NewCall extends CallOptions {
  readonly verb: string;
  readonly trace: CallerStack;
  readonly resolve: (header: ReplyHeader, tensors: readonly Buffer[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Entry extends PendingCall {
  readonly call: NewCall;
  /** Null where nothing but an answer ends the call. */
  readonly stopWaiting: (() => void) | null;
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
  /** Calls that wait in the lane whose time is counted: two that overlap would count the same seconds twice. */
  #counted = 0;

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
    if (isCounted(call) && this.#counted++ === 0) this.#statistics.waitBegins();
    const isBounded = call.signal !== undefined || call.deadlineMs !== undefined;
    const stopWaiting = isBounded ? this.#bound(id, call) : null;
    this.#entries.set(id, { id, verb: call.verb, call, stopWaiting });
  }

  /** Starts the clock of a call and listens to its signal; returns what ends both. */
  #bound(id: number, call: NewCall): () => void {
    const { verb, trace, signal, deadlineMs } = call;
    const onAbort = (): void => this.#abandon({ id, verb }, abortReason({ id, verb }, signal));
    const onDeadline = (): void => {
      // Asked first: when the worker hangs, this call rejects with that, which says more.
      this.#events.onDeadline({ id, verb });
      const error = deadlineExceeded({ id, verb }, deadlineMs ?? 0, this.#events.phase());
      this.#abandon({ id, verb }, withTrace(error, trace));
    };
    const timer = deadlineMs === undefined ? undefined : setTimeout(onDeadline, deadlineMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
  }

  /** Answers a call; an answer to a call that was given up is dropped. */
  reply(header: ReplyHeader, tensors: readonly Buffer[]): void {
    this.#answered(header)?.call.resolve(header, tensors);
  }

  fail(header: ErrorHeader): void {
    const entry = this.#answered(header);
    if (entry === undefined) return;
    const { id, verb, call } = entry;
    call.reject(withTrace(remoteFailure(header.error, { id, verb }), call.trace));
  }

  /** Rejects everything. `makeError` is asked for each call, so that each keeps the stack of its caller. */
  rejectAll(makeError: (running: PendingCall | null) => SrwmError): void {
    const running = this.oldest;
    for (const id of [...this.#entries.keys()]) {
      const entry = this.#take(id);
      entry?.call.reject(withTrace(makeError(running), entry.call.trace));
    }
  }

  #answered({ id, worker_seconds: seconds }: ReplyHeader | ErrorHeader): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || isCounted(entry.call)) this.#statistics.workerSeconds += seconds;
    return this.#take(id);
  }

  #abandon(call: PendingCall, error: unknown): void {
    const entry = this.#take(call.id);
    if (entry === undefined) return;
    entry.call.reject(error);
    this.#events.onAbandoned(call);
  }

  #take(id: number): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    entry.stopWaiting?.();
    if (isCounted(entry.call) && --this.#counted === 0) this.#statistics.waitEnds();
    return entry;
  }
}

function isCounted({ lane }: CallOptions): boolean {
  return lane !== 'act';
}

/** What a cancelled call rejects with: the caller's own reason, or REQUEST_CANCELLED when it gave none. */
export function abortReason(call: PendingCall, signal: AbortSignal | undefined): unknown {
  const reason: unknown = signal?.reason;
  const isDefault = reason instanceof DOMException && reason.name === 'AbortError';
  return isDefault ? requestCancelled(call) : reason;
}
