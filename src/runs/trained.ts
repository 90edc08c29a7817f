/** The agent of a run as a checkpoint has it. */
import type { Config } from '../config/index.ts';
import {
  agentFor,
  createParameters,
  openPool,
  poolSpec,
  restoreCheckpoint,
  SET,
  type Agent,
  type Checkpoint,
  type OwnParts,
  type Places,
  type Session,
} from '../train/index.ts';

/** Puts its parameters into the worker, and nothing else of the run. */
export async function trainedAgent(
  session: Session,
  config: Config,
  places: Places,
  checkpoint: Checkpoint,
  own: OwnParts,
): Promise<Agent> {
  const { environment } = config;
  // A pool needs a slot for each of its games.
  const numEnvs = environment.kind === 'procgen' ? environment.games.length : 1;
  const spaces = await openPool(session, 'spaces', poolSpec({ ...environment, numEnvs }, 0, places));
  await session.call('close_pool', { pool: 'spaces' });
  const agent = agentFor(config, spaces, own);
  await createParameters(session, agent, config.seed);
  await restoreCheckpoint(session, checkpoint, { sets: [SET], optimizers: [], handles: [], pools: [] });
  return agent;
}
