/** A whole training run of this project, one unroll with its updates at a time; between two it stands still. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ResolvedConfig } from '../src/config/index.ts';
import { startRun } from '../src/runs/index.ts';
import { unrollsOfCycle, type RunEvent, type Update } from '../src/train/index.ts';
import type { Bench } from './bench.ts';

export class TrainingRun implements AsyncDisposable {
  readonly #events: AsyncGenerator<RunEvent, void>;
  /** Unrolls after which no column is left over, and their updates. */
  readonly #unrolls: number;
  readonly #updates: number;
  readonly #close: () => Promise<void>;
  #last: Update | null = null;
  #running = 0;

  private constructor(
    events: AsyncGenerator<RunEvent, void>,
    unrolls: number,
    updatesPerUnroll: number,
    close: () => Promise<void>,
  ) {
    this.#events = events;
    this.#unrolls = unrolls;
    this.#updates = Math.round(unrolls * updatesPerUnroll);
    this.#close = close;
  }

  /** Of `procgen-easy` with the changes that `resolved` holds. */
  static async start(bench: Pick<Bench, 'places'>, resolved: ResolvedConfig): Promise<TrainingRun> {
    const folder = await mkdtemp(path.join(tmpdir(), 'srwm-bench-'));
    const stop = new AbortController();
    const events = startRun(resolved, 'procgen-easy', {
      folder: path.join(folder, 'run'),
      places: bench.places,
      stop: stop.signal,
    });
    const { algorithm, environment, train } = resolved.config;
    const passes = algorithm.kind === 'ppo' ? algorithm.passes : 1;
    const unrolls = unrollsOfCycle(environment.numEnvs, train.batchSize);
    const updatesPerUnroll = (passes * environment.numEnvs) / train.batchSize;
    return new TrainingRun(events, unrolls, updatesPerUnroll, async () => {
      stop.abort();
      await events.return(undefined);
      await rm(folder, { recursive: true, force: true });
    });
  }

  /** Collects unrolls and learns from them until no column is left over; the mean of one. */
  async unrollSeconds(): Promise<number> {
    let started = performance.now();
    for (let seen = 0; seen < this.#updates;) {
      const { value, done } = await this.#events.next();
      if (done === true) throw new Error('internal: the run ended');
      // Before it the worker starts, which is no part of a loop.
      if (value.type === 'run_start') started = performance.now();
      if (value.type !== 'update') continue;
      seen += 1;
      this.#last = value;
    }
    const seconds = (performance.now() - started) / 1000;
    this.#running += seconds;
    return seconds / this.#unrolls;
  }

  /** Where the loop's time went; its own shares also count the time in which it stood still. */
  shares(): Record<string, number> {
    if (this.#last === null) return {};
    const { shares, seconds } = this.#last;
    return Object.fromEntries(
      Object.entries(shares).map(([part, share]) => [part, (share * seconds) / this.#running]),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
