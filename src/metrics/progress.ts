/** Where the time of a run goes, and how its returns develop. */
import { estimate, type Estimate } from './statistics.ts';

/** Seconds since the start of this process's part of the run, by what they were spent on. */
export interface TimeShares {
  readonly act: number;
  readonly env: number;
  readonly learn: number;
  readonly bridge: number;
}

/** Adds up seconds and gives their shares of the whole. */
export class Stopwatch {
  readonly #started = performance.now();
  readonly #spent = { act: 0, env: 0, learn: 0 };

  add(part: 'act' | 'env' | 'learn', seconds: number): void {
    this.#spent[part] += seconds;
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  shares(bridgeSeconds: number): TimeShares {
    const whole = Math.max(this.seconds, 1e-9);
    const { act, env, learn } = this.#spent;
    return { act: act / whole, env: env / whole, learn: learn / whole, bridge: bridgeSeconds / whole };
  }
}

/** The last returns of training episodes, by game. */
export class RecentReturns {
  readonly #window: number;
  readonly #returns: number[];

  constructor(window: number, former: readonly number[] = []) {
    this.#window = window;
    this.#returns = [...former];
  }

  add(episodeReturn: number): void {
    this.#returns.push(episodeReturn);
    if (this.#returns.length > this.#window) this.#returns.shift();
  }

  get values(): readonly number[] {
    return this.#returns;
  }

  /** null before the first finished episode. */
  get estimate(): Estimate | null {
    return this.#returns.length === 0 ? null : estimate(this.#returns);
  }
}
