/** Intervals and tests by resampling, in a Python process of their own: scipy's, not ours. */
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { packageFolder, pythonEnvironment } from '../setup/index.ts';

/** Values by game: levels of one agent, or scores of runs. */
export type ByGame = readonly (readonly number[])[];

/** What can be asked; each list of `a` and `b` is a game's, and is resampled within itself. */
export type ResamplingJob =
  /** Mean, median, interquartile mean, optimality gap. `pooled`: values are scores of runs, not levels of one agent. */
  | { readonly kind: 'aggregates'; readonly a: ByGame; readonly pooled: boolean }
  /** Share of the values above each threshold, the mean over games. */
  | { readonly kind: 'profile'; readonly a: ByGame; readonly thresholds: readonly number[] }
  /** The mean over games of each game's mean. */
  | { readonly kind: 'mean'; readonly a: ByGame }
  /** a - b, value by value; p by changing signs. */
  | { readonly kind: 'paired'; readonly a: ByGame; readonly b: ByGame }
  /** a - b of values that have nothing to do with each other. */
  | { readonly kind: 'independent'; readonly a: ByGame; readonly b: ByGame }
  /** a - b of runs, column i of `a` being run i; p by exchanging runs; probability of improvement. */
  | { readonly kind: 'runs'; readonly a: ByGame; readonly b: ByGame };

/** Values of a statistic, one after the other, with the bounds of their intervals. */
export interface Resampled {
  readonly value: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

export interface ResamplingAnswer extends Resampled {
  /** Two-sided, of a test by permutation. */
  readonly p?: number;
  /** P(a run of `a` is better than one of `b`), ties counting half. */
  readonly improvement?: Resampled;
}

export interface ResamplingSettings {
  readonly resamples: number;
  readonly seed: number;
  readonly confidence: number;
}

/** Where Python is; set-up found it. */
export interface Interpreter {
  readonly python: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * One answer a job. Equal requests have equal answers.
 *
 * @throws SrwmError STATISTICS_FAILED with the last lines of Python; the signal's reason.
 */
export async function resample(
  interpreter: Interpreter,
  settings: ResamplingSettings,
  jobs: readonly ResamplingJob[],
  signal: AbortSignal,
): Promise<ResamplingAnswer[]> {
  signal.throwIfAborted();
  if (jobs.length === 0) return [];
  const { execa } = await import('execa');
  const script = path.join(packageFolder(), 'src', 'statistics', 'resampling.py');
  const result = await execa(interpreter.python, ['-P', script], {
    input: JSON.stringify({ settings, jobs }),
    env: { ...pythonEnvironment({ ...process.env, ...interpreter.environment }), OMP_NUM_THREADS: '1' },
    extendEnv: false,
    reject: false,
    cancelSignal: signal,
    maxBuffer: 2 ** 28,
  });
  signal.throwIfAborted();
  if (!result.failed) return JSON.parse(result.stdout) as ResamplingAnswer[];
  const last = result.stderr.trim().split('\n').slice(-3).join(' ');
  throw new SrwmError(
    'STATISTICS_FAILED',
    `statistics: Python must answer, but ended with ${result.shortMessage?.split('\n')[0] ?? 'nothing'}: ${last}`,
  );
}
