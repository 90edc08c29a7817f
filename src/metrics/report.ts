/** What an evaluation says. */
import type { Normalization } from './score-ranges.ts';

/** Returns of one game in a split. */
export interface GameResult {
  readonly game: string;
  readonly episodes: number;
  readonly mean_return: number;
  readonly ci95: readonly [low: number, high: number];
  /** (return - minimum) / (maximum - minimum) by the report's `normalization`; null where there are no constants. */
  readonly normalized: number | null;
  readonly mean_length: number;
  /** Share of the episodes that the game calls a success. */
  readonly completed: number;
}

/** One episode, by what was played. */
export interface LevelRow {
  readonly game: string;
  /** -1 where the environment has no levels. */
  readonly level: number;
  readonly episode_return: number;
  readonly episode_length: number;
  readonly completed: boolean;
}

/** What a split of levels, played in one way, came to. */
export interface SplitResult {
  /** For example `train/sampled`, `unseen/greedy`, `train/random`, `train/blind`. */
  readonly name: string;
  readonly games: readonly GameResult[];
  /** Levels `start`, `start + 1`, ... that episodes were of; a count of 0 is every level there is; null = no levels. */
  readonly levels: { readonly start: number; readonly count: number } | null;
}

/** Returns of one evaluation: split by split and game by game, with intervals. */
export interface EvaluationReport {
  readonly run: string;
  readonly update: number;
  /** `ledger`, `paper` or `episodes`. */
  readonly protocol: string;
  /** `carry`, or `unroll` where the core state started anew after each `train.unrollLength` steps. */
  readonly state: string;
  /** Slots that acted together: another number may change a few levels by the rounding of another batch. */
  readonly num_envs: number;
  readonly normalization: Normalization | null;
  readonly splits: readonly SplitResult[];
  /** Size of the search behind `blind`, when there was one. */
  readonly blind_search: {
    readonly candidates: number;
    readonly env_steps: number;
    readonly probabilities: readonly number[];
  } | null;
  /** What a reader must know of these splits, a sentence each. */
  readonly warnings: readonly string[];
}

/** A report with every episode behind it, split by split: what `evaluations/` holds. */
export interface EvaluationRecord extends EvaluationReport {
  readonly format: 1;
  readonly rows: Readonly<Record<string, readonly LevelRow[]>>;
}

/** The report alone. */
export function reportOf({ format: _format, rows: _rows, ...report }: EvaluationRecord): EvaluationReport {
  return report;
}
