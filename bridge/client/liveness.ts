/** Tells a busy worker from a hung one: silence, or a request past its deadline whose progress stands still. */
import type { Pong } from '../protocol/control.ts';
import type { PendingCall } from './failures.ts';

export interface LivenessOptions {
  readonly pingIntervalMs: number;
  readonly hungAfterMs: number;
}

export interface LivenessEvents {
  readonly sendPing: (sequence: number) => void;
  /** No pong for this long. */
  readonly onSilent: (silentMs: number) => void;
  /** A request past its deadline stands still. */
  readonly onStuck: (call: PendingCall, phase: string, stillMs: number) => void;
}

export class Liveness {
  readonly #options: LivenessOptions;
  readonly #events: LivenessEvents;
  readonly #timer: NodeJS.Timeout;
  readonly #overdue = new Map<number, PendingCall>();
  #sequence = 0;
  #lastTick = performance.now();
  #silentMs = 0;
  #pong: Pong | null = null;
  #movedAt = performance.now();

  constructor(options: LivenessOptions, events: LivenessEvents) {
    this.#options = options;
    this.#events = events;
    this.#timer = setInterval(() => this.#tick(), options.pingIntervalMs);
  }

  /** What the worker said it was doing. */
  get phase(): string {
    return this.#pong?.phase ?? 'idle';
  }

  onPong(pong: Pong): void {
    this.#silentMs = 0;
    const before = this.#pong;
    if (before?.progress !== pong.progress || before.request !== pong.request)
      this.#movedAt = performance.now();
    this.#pong = pong;
  }

  /** A call passed its deadline: hung at once when it stood still for long already, else watched from now on. */
  onDeadline(call: PendingCall): void {
    this.#overdue.set(call.id, call);
    this.#checkOverdue();
  }

  /** The worker answered a request, late or not. */
  onAnswer(id: number): void {
    this.#overdue.delete(id);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    // A driver that was itself suspended or busy must not count that time as the worker's silence.
    this.#silentMs += Math.min(now - this.#lastTick, 2 * this.#options.pingIntervalMs);
    this.#lastTick = now;
    if (this.#silentMs > this.#options.hungAfterMs) {
      this.#events.onSilent(this.#silentMs);
      return;
    }
    this.#sequence += 1;
    this.#events.sendPing(this.#sequence);
    this.#checkOverdue();
  }

  #checkOverdue(): void {
    const pong = this.#pong;
    const call = pong === null || pong.request === null ? undefined : this.#overdue.get(pong.request);
    const stillMs = performance.now() - this.#movedAt;
    if (pong === null || call === undefined || stillMs < this.#options.hungAfterMs) return;
    this.#events.onStuck(call, pong.phase, stillMs);
  }
}
