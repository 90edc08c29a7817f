/** The agent of a run as a checkpoint has it. */
import type { Config } from '../config/index.ts';
import {
  agentFor,
  createParameters,
  latestCheckpoint,
  openPool,
  poolSpec,
  requireCheckpoint,
  restoreCheckpoint,
  SET,
  type Agent,
  type Checkpoint,
  type OwnParts,
  type Places,
  type Session,
} from '../train/index.ts';

/** Puts the parameters of the run's newest checkpoint into the worker, and nothing else of the run. */
export async function trainedAgent(
  session: Session,
  config: Config,
  places: Places,
  folder: string,
  own: OwnParts,
): Promise<{ readonly agent: Agent; readonly checkpoint: Checkpoint }> {
  const { environment } = config;
  // A pool needs a slot for each of its games.
  const numEnvs = environment.kind === 'procgen' ? environment.games.length : 1;
  const spaces = await openPool(session, 'spaces', poolSpec({ ...environment, numEnvs }, 0, places));
  await session.call('close_pool', { pool: 'spaces' });
  const agent = agentFor(config, spaces, own);
  await createParameters(session, agent, config.seed);
  return { agent, checkpoint: await restoreNewest(session, folder) };
}

/** A run that trains meanwhile may remove the checkpoint that was found: then there is a newer one. */
async function restoreNewest(session: Session, folder: string): Promise<Checkpoint> {
  for (;;) {
    const checkpoint = requireCheckpoint(folder, () => undefined);
    try {
      await restoreCheckpoint(session, checkpoint, { sets: [SET], optimizers: [], handles: [], pools: [] });
      return checkpoint;
    } catch (error) {
      const newest = latestCheckpoint(folder, () => undefined);
      if (newest === null || newest.folder === checkpoint.folder) throw error;
    }
  }
}
