/** What every measurement is given. */
import type { Places } from '../src/train/index.ts';

export interface Bench {
  readonly places: Places;
  /** The folder of `drivers` and `rivals`. */
  readonly programs: string;
  /** Threads of torch, on both sides of every pair. */
  readonly threads: number;
  readonly device: string;
  /** Pairs of a row; at least 9 for a figure that is reported. */
  readonly pairs: number;
  /** Measures variants too. */
  readonly full: boolean;
  /** Changes of the `procgen-easy` config, as of `--set`: tests shrink it. */
  readonly assignments: readonly string[];
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}
