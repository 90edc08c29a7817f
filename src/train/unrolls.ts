/**
 * Which unroll comes next, and which parameters collect it.
 *
 * Synchronous: each is collected by the newest parameters, when it is asked for. Overlapped: while unroll k is learnt
 * from, k + 1 is collected by a copy of the parameters as they were before, which changes at the borders of unrolls
 * only. So its lag is exactly the updates of one unroll, and a run repeats bit for bit, whatever is faster.
 */
import type { ReplyBody } from '../../bridge/protocol/messages.ts';
import type { Collector, Place } from './collector.ts';
import type { Learner } from './learner.ts';
import type { Session } from './session.ts';
import { randomKey } from './streams.ts';

/** An unroll that lies in the worker. */
export interface Collected {
  readonly place: Place;
  /** The version of the parameters that collected it. */
  readonly behaviourVersion: number;
  readonly reply: ReplyBody<'collect'>;
}

export interface UnrollsOptions {
  readonly session: Session;
  readonly learner: Learner;
  readonly collector: Collector;
  /** The parameter set that collects. */
  readonly behaviourSet: string;
  readonly overlapped: boolean;
  readonly seed: number;
}

export class Unrolls {
  readonly #options: UnrollsOptions;
  #ahead: Promise<Collected> | null = null;

  /** `waiting` was collected before a checkpoint and not learnt from. */
  constructor(options: UnrollsOptions, waiting: Collected | null) {
    this.#options = options;
    if (waiting !== null) this.#ahead = Promise.resolve(waiting);
  }

  get behaviourSet(): string {
    return this.#options.behaviourSet;
  }

  /** The unroll number `index`. */
  async next(index: number): Promise<Collected> {
    const ahead = this.#ahead ?? this.#collect(index);
    this.#ahead = null;
    return ahead;
  }

  /** Begins unroll number `index` while another is learnt from; nothing where unrolls are synchronous. */
  begin(index: number): void {
    if (!this.#options.overlapped) return;
    this.#ahead = this.#collect(index);
    // Whoever asks for the unroll hears of its failure; until then nobody does.
    this.#ahead.catch(() => undefined);
  }

  /** Waits for the unroll that is being collected, and leaves it to be learnt from: a checkpoint must hold it. */
  async settle(): Promise<Collected | null> {
    return this.#ahead;
  }

  async #collect(index: number): Promise<Collected> {
    const { session, learner, collector, behaviourSet, overlapped, seed } = this.#options;
    const behaviourVersion = learner.version;
    const place: Place = overlapped && index % 2 === 1 ? 1 : 0;
    const noise = randomKey(seed, 'actions', index);
    if (!overlapped) return { place, behaviourVersion, reply: await collector.collect(noise) };
    // Sent before any update that moves the parameters on.
    await session.call('assign', {
      into: behaviourSet,
      set: learner.set,
      graph: null,
      inputs: {},
      version: behaviourVersion,
    });
    return {
      place,
      behaviourVersion,
      reply: await collector.collect(noise, { place, version: behaviourVersion }),
    };
  }
}
