/** A worker to compute with, from a script. */
import { hardwareOf, type Config } from '../config/index.ts';
import { setUpForScript } from '../setup/index.ts';
import { Session } from '../train/index.ts';

/** The device and the threads of the worker, and a signal that stops it. */
export interface SessionOptions {
  readonly device?: Config['hardware']['device'];
  readonly threads?: Config['hardware']['threads'];
  /** Stops every pending call at once. */
  readonly signal?: AbortSignal;
}

/**
 * A worker to compute with. Close it, or write `await using`.
 *
 * @example await using session = await openSession(); const { y } = await session.compute(graph, { x });
 * @throws SrwmError CONFIG_INVALID, SETUP_*, WORKER_START, WORKER_DEVICE
 */
export async function openSession(options: SessionOptions = {}): Promise<Session> {
  const { device = 'auto', threads = 'auto', signal } = options;
  const hardware = hardwareOf({ device, threads }, 'openSession({...})');
  const places = await setUpForScript(signal);
  return Session.start(places, hardware, { logFile: null, ...(signal && { signal }) });
}
