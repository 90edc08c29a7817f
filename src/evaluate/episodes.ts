/** Plays whole episodes and keeps what they returned. */
import type { Episode, EnvFault, ReplyBody } from '../../bridge/protocol/messages.ts';

/** Env steps of every slot between two looks at the episode records. */
export const CHUNK = 32;

/**
 * Steps until every slot has finished `quota` episodes, and returns exactly those, slot by slot. Taking the first
 * finishers only would favour short episodes.
 */
export async function playEpisodes(
  numEnvs: number,
  quota: number,
  maxSteps: number,
  signal: AbortSignal,
  step: (chunk: number) => Promise<ReplyBody<'collect'>>,
): Promise<{
  readonly episodes: readonly Episode[];
  readonly faults: readonly EnvFault[];
  readonly envSteps: number;
  readonly complete: boolean;
}> {
  const bySlot: Episode[][] = Array.from({ length: numEnvs }, () => []);
  const faults: EnvFault[] = [];
  let chunk = 0;
  for (; chunk * CHUNK < maxSteps && bySlot.some((episodes) => episodes.length < quota); chunk++) {
    signal.throwIfAborted();
    const reply = await step(chunk);
    faults.push(...reply.faults);
    for (const episode of reply.episodes) bySlot[episode.slot]?.push(episode);
  }
  return {
    episodes: bySlot.flatMap((episodes) => episodes.slice(0, quota)),
    faults,
    envSteps: chunk * CHUNK * numEnvs,
    complete: bySlot.every((episodes) => episodes.length >= quota),
  };
}
