/** What a comparison says. */
import type { Normalization } from '../metrics/index.ts';

/** A number with its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly ci95: readonly [low: number, high: number];
}

/** A group of runs on one split. */
export interface CompareRow {
  readonly name: string;
  readonly runs: readonly string[];
  readonly seeds: readonly number[];
  /** For example `unseen/greedy`. */
  readonly split: string;
  /** Over what intervals are: `runs`, or the `levels` of too few runs. */
  readonly over: 'runs' | 'levels';
  readonly mean: Interval;
  readonly median: Interval;
  /** The mean of the middle half of all scores. */
  readonly iqm: Interval;
  /** How far scores lie below 1 on average; null where returns are not normalised. */
  readonly optimality_gap: Interval | null;
  readonly games: readonly { readonly game: string; readonly mean_return: number; readonly score: number }[];
  /** Share of scores above each threshold; null where returns are not normalised. */
  readonly profile: { readonly thresholds: readonly number[]; readonly share: readonly Interval[] } | null;
}

/** Score on training levels minus score on unseen ones, played in the same way. */
export interface GapRow {
  readonly name: string;
  readonly play: string;
  readonly over: 'runs' | 'levels';
  readonly gap: Interval;
}

/** Two groups on one split: `difference` is a's score minus b's. */
export interface ComparePair {
  readonly a: string;
  readonly b: string;
  readonly split: string;
  readonly over: 'runs' | 'levels';
  readonly difference: number;
  readonly ci95: readonly [low: number, high: number];
  /** Of a permutation test; null where levels are not paired. */
  readonly p: number | null;
  readonly significant: boolean;
  /** P(a run of a is better than one of b), the mean over games; null for intervals over levels. */
  readonly improvement: Interval | null;
  /** The same in a sentence. */
  readonly words: string;
}

/** What a reader must know; a code is one of docs/troubleshooting.md, null of a mere remark. */
export interface CompareNote {
  readonly code: string | null;
  readonly message: string;
}

/** What comparing runs came to: scores, gaps and differences with intervals, and what to know when reading them. */
export interface CompareReport {
  readonly protocol: string;
  readonly state: string;
  readonly measure: 'normalized return' | 'return';
  readonly normalization: Normalization | null;
  readonly rows: readonly CompareRow[];
  readonly gaps: readonly GapRow[];
  readonly pairs: readonly ComparePair[];
  readonly notes: readonly CompareNote[];
}
