/** What an environment shows and takes: known beforehand, or asked of the environment itself. */
import type { Config } from '../config/index.ts';
import { openPool, poolSpec, Session, type Places, type Spaces } from '../train/index.ts';
import { spacesOf } from './describe.ts';

/** Opens one Gymnasium environment where that is what a config trains on; `ready` makes the machine fit for it. */
export async function askSpaces(
  { environment, hardware }: Config,
  ready: () => Promise<Places>,
  signal: AbortSignal,
): Promise<Spaces> {
  if (environment.kind !== 'gymnasium') return spacesOf(environment);
  const places = await ready();
  await using session = await Session.start(places, hardware, { logFile: null, signal });
  return await openPool(session, 'spaces', poolSpec({ ...environment, numEnvs: 1 }, 0, places));
}
