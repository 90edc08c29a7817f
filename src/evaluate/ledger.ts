/** The level ledger: every level of a split once, from the state of a fresh slot, whichever slot plays it. */
import type { EnvFault, Episode } from '../../bridge/protocol/messages.ts';
import { CHUNK } from './episodes.ts';
import { LedgerActor, type LedgerActorOptions } from './ledger-actor.ts';
import { LevelSchedule } from './level-schedule.ts';

/** What a ledger is played with. */
export interface LedgerOptions extends LedgerActorOptions {
  readonly levels: readonly number[];
  readonly maxEpisodeSteps: number;
  readonly signal: AbortSignal;
}

/** One episode of each level and game, in the order of games and then of `levels`; see `LedgerActor` for its actions. */
export async function playLedger(options: LedgerOptions): Promise<{
  readonly episodes: readonly Episode[];
  readonly faults: readonly EnvFault[];
  readonly envSteps: number;
}> {
  const { session, pool, levels } = options;
  const schedule = new LevelSchedule(pool.games, levels, options.maxEpisodeSteps);
  const actor = await LedgerActor.make(options);
  const faults: EnvFault[] = [];
  let chunks = 0;
  for (; !schedule.done; chunks++) {
    options.signal.throwIfAborted();
    const slots = schedule.orders();
    if (slots.length > 0) await session.call('queue_levels', { pool: pool.name, slots });
    const reply = await actor.collect();
    faults.push(...reply.faults);
    for (const { slot } of reply.faults) schedule.failed(slot);
    schedule.take(reply.episodes, CHUNK);
  }
  await actor.release();
  const places = new Map(levels.map((level, index) => [level, index]));
  const rank = ({ game, level }: Episode): number =>
    pool.games.indexOf(game) * levels.length + (places.get(level) ?? 0);
  return {
    episodes: [...schedule.rows].sort((a, b) => rank(a) - rank(b)),
    faults,
    envSteps: chunks * CHUNK * pool.numEnvs,
  };
}
