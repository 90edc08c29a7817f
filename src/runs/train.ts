/** Training and computing from a script: the same runs as on the command line, as async iterables. */
import path from 'node:path';
import { resolveConfig, type Config } from '../config/index.ts';
import { setUpForScript } from '../setup/index.ts';
import { Session, type RunEvent } from '../train/index.ts';
import { startRun } from './runs.ts';

export interface TrainOptions {
  /** The run directory; it must not hold a run yet. */
  readonly folder: string;
  /** Ends the run at the next border between unrolls, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/**
 * Trains a config and yields every event; the last is `run_end`. Sets the machine up first where that is not done.
 *
 * @example for await (const event of train(presets.tiny(), { folder: 'runs/mine' })) console.log(event.type)
 * @throws SrwmError CONFIG_INVALID, RUN_EXISTS, SETUP_*, NUMERICS_NONFINITE, WORKER_LOST and others, each with a remedy
 */
export async function* train(config: Config, options: TrainOptions): AsyncGenerator<RunEvent, void> {
  const resolved = resolveConfig(config, 'script', []);
  const stop = options.signal ?? new AbortController().signal;
  const places = await setUpForScript(stop);
  yield* startRun(resolved, 'script', { folder: path.resolve(options.folder), places, stop });
}

export interface SessionOptions {
  readonly device?: Config['hardware']['device'];
  readonly threads?: Config['hardware']['threads'];
  readonly signal?: AbortSignal;
}

/**
 * A worker to compute with. Close it, or write `await using`.
 *
 * @example await using session = await openSession(); const { y } = await session.compute(graph, { x })
 */
export async function openSession(options: SessionOptions = {}): Promise<Session> {
  const { device = 'auto', threads = 'auto', signal } = options;
  const places = await setUpForScript(signal);
  return Session.start(
    places,
    { device, threads, precision: 'float32' },
    { logFile: null, ...(signal && { signal }) },
  );
}
