/** Asks a curriculum before each unroll, and tells it what came of the levels. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Episode } from '../../bridge/protocol/messages.ts';
import { shown } from '../graph/index.ts';
import { numbersOf } from './columns.ts';
import type { Curriculum, Json, LevelQueue, ScoredEpisode } from './curriculum.ts';
import type { Session } from './session.ts';
import { randomKey, uniformStream } from './streams.ts';

/** What a checkpoint keeps of a curriculum. */
export interface CurriculumState {
  readonly state: Json;
  /** Of the unroll before, which the next choice is told of. */
  readonly episodes: readonly ScoredEpisode[];
  readonly scores: SlotScores;
}

/** Of each slot's running episode: steps, and the sum of |A_t| over them; null where its start was not seen. */
export type SlotScores = readonly ({ readonly steps: number; readonly sum: number } | null)[];

/** |A_t| and the firsts of an unroll, row by row. */
export interface UnrollScores {
  /** [T, B]. */
  readonly magnitudes: readonly number[];
  /** [T + 1, B]. */
  readonly isFirst: readonly boolean[];
}

export interface RunnerOptions {
  readonly session: Session;
  readonly curriculum: Curriculum;
  readonly pool: string;
  /** The game of each slot. */
  readonly games: readonly string[];
  readonly seed: number;
  /** Of the checkpoint that a run goes on from. */
  readonly kept: CurriculumState | null;
}

export class CurriculumRunner {
  readonly #options: RunnerOptions;
  #kept: CurriculumState;

  constructor(options: RunnerOptions) {
    const { curriculum, games, kept } = options;
    this.#options = options;
    this.#kept = kept ?? { state: curriculum.initial, episodes: [], scores: games.map(() => null) };
  }

  /** For a checkpoint. */
  get kept(): CurriculumState {
    return this.#kept;
  }

  /**
   * Gives every slot its queue for the unroll to come.
   *
   * @throws SrwmError RUN_CURRICULUM where the curriculum fails or chooses what no slot can play; ENV_NO_LEVELS
   */
  async choose(unroll: number): Promise<void> {
    const { state, episodes, scores } = this.#kept;
    const { session, pool, games, seed } = this.#options;
    const random = uniformStream(randomKey(seed, 'curriculum', unroll));
    const choice = this.#ask({ state, episodes, unroll, games, random });
    const restarted = new Set(choice.queues.filter(({ restart }) => restart).map(({ slot }) => slot));
    this.#kept = {
      state: choice.state,
      episodes: [],
      scores: scores.map((score, slot) => (restarted.has(slot) ? { steps: 0, sum: 0 } : score)),
    };
    if (choice.queues.length === 0) return;
    const slots = choice.queues.map(({ slot, levels, restart = false }) => ({
      slot,
      levels: [...levels],
      restart,
    }));
    await session.call('queue_levels', { pool, slots });
  }

  /** Hears what came of an unroll: its episodes, |A_t| [T, B], and the handle of is_first [T + 1, B]. */
  async collected(
    episodes: readonly Episode[],
    magnitudes: readonly number[],
    isFirst: string,
  ): Promise<void> {
    const request = { handles: [isFirst], set: null, parameters: [] };
    const { tensors } = await this.#options.session.exchange('get', request);
    const unroll = { magnitudes, isFirst: numbersOf(tensors[0]).map(Boolean) };
    const { scored, scores } = scoreEpisodes(this.#kept.scores, episodes, unroll);
    this.#kept = { state: this.#kept.state, episodes: scored, scores };
  }

  #ask(input: Parameters<Curriculum['next']>[0]) {
    const { name, next } = this.#options.curriculum;
    let choice: ReturnType<Curriculum['next']>;
    try {
      choice = next(input);
    } catch (cause) {
      const said = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      throw refusal(
        name,
        `must return { state, queues } before unroll ${input.unroll}, but it threw ${said}`,
        cause,
      );
    }
    requireChoice(name, choice, this.#options.games.length);
    return choice;
  }
}

/**
 * The episodes with their mean |A_t|, and the sums of those that go on. Step t of slot b belongs to the episode that
 * ends where is_first is set at t + 1.
 */
export function scoreEpisodes(
  former: SlotScores,
  episodes: readonly Episode[],
  { magnitudes, isFirst }: UnrollScores,
): { readonly scored: readonly ScoredEpisode[]; readonly scores: SlotScores } {
  const numEnvs = former.length;
  const length = magnitudes.length / numEnvs;
  const bySlot = former.map((_, slot) => episodes.filter((episode) => episode.slot === slot));
  const found = new Map<Episode, number | null>();
  const scores = former.map((begun, slot) => {
    let running = begun;
    let next = 0;
    for (let t = 0; t < length; t++) {
      const magnitude = magnitudes[t * numEnvs + slot] as number;
      running = running === null ? null : { steps: running.steps + 1, sum: running.sum + magnitude };
      if (isFirst[(t + 1) * numEnvs + slot] !== true) continue;
      const episode = bySlot[slot]?.[next];
      // An end without a record is that of an episode that a fault cut short.
      const isRecorded =
        episode !== undefined && (running === null || episode.episode_length === running.steps);
      if (isRecorded) {
        found.set(episode, running === null ? null : running.sum / running.steps);
        next += 1;
      }
      running = { steps: 0, sum: 0 };
    }
    return running;
  });
  return { scored: episodes.map((episode) => ({ ...episode, score: found.get(episode) ?? null })), scores };
}

function requireChoice(name: string, choice: unknown, numEnvs: number): void {
  if (choice instanceof Promise) {
    // Nobody waits for it: that it fails as well must not end the process.
    choice.catch(() => undefined);
    throw refusal(name, 'must return { state, queues } at once, got a promise');
  }
  const { state, queues } = (choice ?? {}) as { readonly state?: unknown; readonly queues?: unknown };
  if (!Array.isArray(queues) || state === undefined)
    throw refusal(name, `must return { state, queues }, got ${shown(choice)}`);
  if (!survivesJson(state)) {
    throw refusal(
      name,
      'must return a state of finite numbers, texts, booleans, lists and plain objects, which checkpoints keep',
    );
  }
  const seen = new Set<number>();
  for (const queue of queues as readonly unknown[]) {
    if (typeof queue !== 'object' || queue === null)
      throw refusal(name, `must return queues of { slot, levels }, got ${shown(queue)}`);
    const { slot, levels, restart } = queue as Partial<LevelQueue>;
    if (slot === undefined)
      throw refusal(name, `must return queues of { slot, levels }, got ${shown(queue)}`);
    if (!Number.isInteger(slot) || slot < 0 || slot >= numEnvs || seen.has(slot))
      throw refusal(name, `must name each slot from 0 to ${numEnvs - 1} once at most, got ${shown(slot)}`);
    seen.add(slot);
    if (!Array.isArray(levels) || !levels.every((level) => Number.isSafeInteger(level) && level >= 0))
      throw refusal(name, `must give slot ${slot} a list of levels from 0 on, got ${shown(levels)}`);
    if (restart !== undefined && typeof restart !== 'boolean')
      throw refusal(name, `must give slot ${slot} a restart that is true or false, got ${shown(restart)}`);
    if (restart === true && levels.length === 0)
      throw refusal(name, `must give slot ${slot} a level to restart with, got none`);
  }
}

/** Whether JSON gives a value back as it is: NaN becomes null there, a Map an empty object, undefined nothing. */
function survivesJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (Array.isArray(value)) return value.every(survivesJson);
  const isPlain = typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain && Object.values(value).every(survivesJson);
}

function refusal(name: string, requirement: string, cause?: unknown): SrwmError {
  return new SrwmError('RUN_CURRICULUM', `curriculum "${name}": ${requirement}.`, {
    remedy: 'Mend the function that was given to curriculum(...).',
    ...(cause === undefined ? {} : { cause }),
  });
}
