/** Records episodes to video, played as a ledger plays them: one of each level from a fresh slot's state. */
import path from 'node:path';
import type { Episode } from '../../bridge/protocol/messages.ts';
import type { ErrorCode } from '../../bridge/protocol/codes.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { makeFolder, type Agent, type OpenPool, type Play } from '../train/index.ts';
import { withPool, type Arena } from './arena.ts';
import { CHUNK } from './episodes.ts';
import { LedgerActor } from './ledger-actor.ts';
import { withStateReset } from './policies.ts';
import type { RecordingPlan } from './recording.ts';

const OBSERVATION = 'record/observation';

/** One episode and its file. */
export interface Video {
  /** Animated PNG, absolute. */
  readonly file: string;
  readonly game: string;
  /** Null where the environment has no levels. */
  readonly level: number | null;
  readonly play: Play;
  readonly episode_return: number;
  readonly episode_length: number;
  readonly completed: boolean;
  /** One for each step; the observation behind the last step is the next episode's. */
  readonly frames: number;
  readonly bytes: number;
}

export interface RecordOptions extends Arena {
  readonly agent: Agent;
  readonly plan: RecordingPlan;
  /** Videos go there; it is made. */
  readonly folder: string;
  /** Written into each file beside what the episode came to. */
  readonly about: Readonly<Record<string, string | number>>;
  readonly signal: AbortSignal;
}

/** Yields each video once its file is whole. @throws SrwmError RECORD_WRITE, RUN_EVALUATION */
export async function* recordEpisodes(options: RecordOptions): AsyncGenerator<Video, void> {
  const { plan, config } = options;
  requireFolder(options.folder);
  const agent =
    plan.state === 'carry' ? options.agent : withStateReset(options.agent, config.train.unrollLength);
  for (const game of plan.games ?? [null]) {
    const { environment } = config;
    const alone = game !== null && environment.kind === 'procgen';
    const own = alone ? { ...config, environment: { ...environment, games: [game as 'maze'] } } : config;
    const videos: Video[] = [];
    await withPool(
      { ...options, config: own },
      `record/${game ?? 'episodes'}`,
      plan.numEnvs,
      null,
      async (pool) => {
        for (const play of plan.play)
          for (const group of groupsOf(plan))
            videos.push(...(await recordGroup({ ...options, agent }, pool, play, group)));
      },
    );
    yield* videos;
  }
}

/** What one slot each plays at once; null where it plays what comes. */
function groupsOf({ levels, episodes, numEnvs }: RecordingPlan): (number | null)[][] {
  const all = levels ?? Array.from({ length: episodes }, () => null);
  return Array.from({ length: Math.ceil(all.length / numEnvs) }, (_, i) =>
    all.slice(i * numEnvs, (i + 1) * numEnvs),
  );
}

/** An episode in slot i of each level i; the other slots play whatever they do. */
async function recordGroup(
  options: RecordOptions,
  pool: OpenPool,
  play: Play,
  levels: readonly (number | null)[],
): Promise<Video[]> {
  const { session, agent, config, signal } = options;
  const chosen = levels.flatMap((level, slot) =>
    level === null ? [] : [{ slot, levels: [level], restart: true }],
  );
  // Without levels to tell them apart, slots need noise of their own.
  const apart = chosen.length === 0 ? { saltOf: (_: string, slot: number) => `record/${slot}` } : {};
  const actor = await LedgerActor.make({
    session,
    agent,
    pool,
    play,
    seed: config.seed,
    observation: OBSERVATION,
    ...apart,
  });
  if (chosen.length > 0) await session.call('queue_levels', { pool: pool.name, slots: chosen });
  const running = new Set(levels.keys());
  const videos = new Map<number, Video>();
  for (let steps = 0; running.size > 0; steps += CHUNK) {
    signal.throwIfAborted();
    requireEnd(steps, config.evaluation.maxEpisodeSteps, running.size);
    const { episodes, faults } = await actor.collect();
    for (const { slot, code, message } of faults)
      if (running.has(slot)) throw new SrwmError(code as ErrorCode, `record: ${message}`);
    const ended = new Map(
      [...running].flatMap((slot) => {
        const first = episodes.find(
          (episode) => episode.slot === slot && (levels[slot] === null || episode.queued),
        );
        return first === undefined ? [] : [[slot, first] as const];
      }),
    );
    const takes = [...running].map((column) => ({
      film: filmOf(column),
      column,
      frames: (ended.get(column)?.episode_length ?? steps + CHUNK) - steps,
    }));
    await session.call('film_frames', { handle: OBSERVATION, takes });
    for (const [slot, episode] of ended) {
      running.delete(slot);
      videos.set(slot, await write(options, play, slot, episode, levels[slot] ?? null));
    }
  }
  await actor.release();
  await session.call('release', { handles: [OBSERVATION] });
  return [...levels.keys()].map((slot) => videos.get(slot) as Video);
}

async function write(
  { session, plan, folder, about }: RecordOptions,
  play: Play,
  slot: number,
  { game, episode_return: episodeReturn, episode_length: length, completed }: Episode,
  level: number | null,
): Promise<Video> {
  const what = level === null ? `episode-${slot}` : `level-${level}`;
  const name = [
    game.replaceAll(/[^\w.-]+/g, '-'),
    what,
    play,
    ...(plan.state === 'carry' ? [] : [plan.state]),
  ];
  const file = path.join(folder, `${name.join('-')}.png`);
  const row = { game, level, play, episode_return: episodeReturn, episode_length: length, completed };
  const { frames, bytes } = await session.call('film_write', {
    film: filmOf(slot),
    file,
    frame_milliseconds: plan.frameMilliseconds,
    scale: plan.scale,
    text: { Description: JSON.stringify({ ...about, state: plan.state, ...row }) },
  });
  return { file, ...row, frames, bytes };
}

function filmOf(slot: number): string {
  return `slot-${slot}`;
}

function requireEnd(steps: number, maxSteps: number, running: number): void {
  if (steps <= maxSteps) return;
  throw new SrwmError(
    'RUN_EVALUATION',
    `record: every episode must end within ${maxSteps} steps (evaluation.maxEpisodeSteps), but ${running} did not.`,
  );
}

function requireFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    const { message } = error as Error;
    throw new SrwmError(
      'RECORD_WRITE',
      `record: "${folder}" must be a folder that can be made, got ${message}.`,
    );
  }
}
