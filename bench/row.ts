/** The rows that `srwm bench` prints. */
import { compare, summarize, type Pair, type Summary } from './statistics.ts';

export interface Row {
  readonly name: string;
  /** Median of this project's values, in `unit`. */
  readonly ours: number;
  /** Median of the rival's values; null where a figure has no rival. */
  readonly rival: number | null;
  /** Median of ours / rival over the pairs; without a rival, `ours` itself. */
  readonly ratio: number;
  /** Of `ratio`. */
  readonly interval: readonly [low: number, high: number];
  readonly unit: string;
  /** Which ratio is the better one. */
  readonly better: 'lower' | 'higher';
  readonly goal: number;
  readonly met: boolean;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Skip {
  readonly name: string;
  readonly reason: string;
}

/** What a row says besides its measurements. */
export type Heading = Pick<Row, 'name' | 'unit' | 'better' | 'goal' | 'detail'>;

/** A row of pairs of ours and a rival. */
export function comparisonRow(heading: Heading, pairs: readonly Pair[]): Row {
  const { ours, rival, ...ratio } = compare(pairs);
  return finish(heading, ours, rival, ratio);
}

/** A row of a figure that has no rival. */
export function figureRow(heading: Heading, values: readonly number[]): Row {
  const summary = summarize(values);
  return finish(heading, summary.median, null, summary);
}

function finish(heading: Heading, ours: number, rival: number | null, ratio: Summary): Row {
  const { name, unit, better, goal, detail } = heading;
  const met = better === 'lower' ? ratio.median <= goal : ratio.median >= goal;
  const { median, interval, count } = ratio;
  return {
    name,
    ours,
    rival,
    ratio: median,
    interval,
    unit,
    better,
    goal,
    met,
    detail: { pairs: count, ...detail },
  };
}

/** Thrown by a measurement that this machine cannot make; the row is then skipped with this reason. */
export class CannotMeasure extends Error {
  override readonly name = 'CannotMeasure';
}
