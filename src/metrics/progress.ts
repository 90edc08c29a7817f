/** Where the time of a run goes, and how its returns develop. */
import { normalizedReturn } from './score-ranges.ts';
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
  #started = performance.now();
  readonly #spent = { act: 0, env: 0, learn: 0 };

  add(part: 'act' | 'env' | 'learn', seconds: number): void {
    this.#spent[part] += seconds;
  }

  /** Leaves out what was no part of the run. */
  skip(seconds: number): void {
    this.#started += seconds * 1000;
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

/** The last returns of some episodes. */
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

/** The last returns of training episodes, game by game: those of games with short episodes do not crowd out others. */
export class ReturnsByGame {
  readonly #window: number;
  readonly #games = new Map<string, RecentReturns>();

  constructor(window: number, former: Readonly<Record<string, readonly number[]>> = {}) {
    this.#window = window;
    for (const [game, returns] of Object.entries(former))
      this.#games.set(game, new RecentReturns(window, returns));
  }

  add(game: string, episodeReturn: number): void {
    const returns = this.#games.get(game) ?? new RecentReturns(this.#window);
    this.#games.set(game, returns);
    returns.add(episodeReturn);
  }

  get values(): Readonly<Record<string, readonly number[]>> {
    return this.#of(({ values }) => values);
  }

  /** Of every game that has finished an episode. */
  get estimates(): Readonly<Record<string, Estimate>> {
    return this.#of(({ values }) => estimate(values));
  }

  /** The mean over `games` of their normalised mean returns; null until each has finished an episode, or without constants. */
  normalized(games: readonly string[], distributionMode: string | null): number | null {
    const { estimates } = this;
    const scores = games.map((game) => {
      const mean = estimates[game]?.mean;
      return mean === undefined ? null : normalizedReturn(mean, game, distributionMode);
    });
    return scores.length > 0 && scores.every((score) => score !== null)
      ? scores.reduce((sum, score) => sum + score, 0) / scores.length
      : null;
  }

  #of<T>(get: (returns: RecentReturns) => T): Readonly<Record<string, T>> {
    const games = [...this.#games].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(games.map(([game, returns]) => [game, get(returns)]));
  }
}
