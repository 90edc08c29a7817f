/** Curricula: before each unroll a function of yours chooses the levels that every slot plays next. */
import type { Episode } from '../../bridge/protocol/messages.ts';

/** A value that survives JSON: it lies in checkpoints. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A finished episode, and what the training rule made of it. */
export interface ScoredEpisode extends Episode {
  /**
   * Mean over the episode's steps of |A_t|: how wrong the values were. A_t is the advantage that the training rule
   * learns from, before any normalisation. null where the episode began before the curriculum did.
   */
  readonly score: number | null;
}

/** What a slot plays next. */
export interface LevelQueue {
  readonly slot: number;
  /** Takes the place of what was queued and not begun; behind the last one the environment chooses by itself. */
  readonly levels: readonly number[];
  /** Give up the running episode, without a record, and begin at once. Default: false. */
  readonly restart?: boolean;
}

/** What is known before an unroll. */
export interface CurriculumInput<S> {
  readonly state: S;
  /** The number of the unroll that is about to be collected. */
  readonly unroll: number;
  /** Those that ended in the unroll before, ordered by step, then slot. */
  readonly episodes: readonly ScoredEpisode[];
  /** The game of each slot. */
  readonly games: readonly string[];
  /** Uniform numbers in [0, 1), a function of the run's seed and of `unroll` alone. */
  readonly random: () => number;
}

/** What a curriculum decides. */
export interface CurriculumChoice<S> {
  readonly state: S;
  /** Slots that are not named keep their queues. */
  readonly queues: readonly LevelQueue[];
}

/** A curriculum whose state is its own affair. */
export interface Curriculum {
  readonly name: string;
  readonly initial: Json;
  readonly next: (input: CurriculumInput<Json>) => CurriculumChoice<Json>;
}

/**
 * A curriculum: `next` is called before each unroll with the episodes of the one before and returns the levels that
 * slots play next. It must be a function of its arguments alone; its state is kept in checkpoints, so that a run that
 * resumes goes on bit for bit.
 *
 * @example
 * curriculum('one after another', 0, ({ state, games }) => ({
 *   state: state + 1,
 *   queues: games.map((_, slot) => ({ slot, levels: [state % 200] })),
 * }))
 */
export function curriculum<S>(
  name: string,
  initial: S,
  next: (input: CurriculumInput<S>) => CurriculumChoice<S>,
): Curriculum {
  return { name, initial: initial as Json, next: next as unknown as Curriculum['next'] };
}
