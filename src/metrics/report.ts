/** What an evaluation says. */
export interface GameResult {
  readonly game: string;
  readonly episodes: number;
  readonly mean_return: number;
  readonly ci95: readonly [low: number, high: number];
  /** (return - minimum) / (maximum - minimum) by the constants of Cobbe et al. 2020; null where there are none. */
  readonly normalized: number | null;
  readonly mean_length: number;
}

export interface SplitResult {
  /** For example `train/sampled`, `unseen/greedy`, `train/random`, `train/blind`. */
  readonly name: string;
  readonly games: readonly GameResult[];
}

/** Returns of one evaluation: split by split and game by game, with intervals. */
export interface EvaluationReport {
  readonly run: string;
  readonly update: number;
  readonly splits: readonly SplitResult[];
  /** Size of the search behind `blind`, when there was one. */
  readonly blind_search: {
    readonly candidates: number;
    readonly env_steps: number;
    readonly probabilities: readonly number[];
  } | null;
}
