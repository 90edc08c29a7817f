/** Compares runs by their evaluations: groups of seeds, intervals, and differences with a test each. */
import { hasLevels } from '../evaluate/index.ts';
import type { ScoreSet } from '../metrics/index.ts';
import { readRecord } from '../train/index.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { setUpForScript } from '../setup/index.ts';
import type { Interpreter } from '../statistics/index.ts';
import { evaluatedRun } from './evaluations.ts';
import { groupRuns, type RunGroup } from './groups.ts';
import { notesOf } from './notes.ts';
import { Questions } from './questions.ts';
import type { CompareReport } from './report.ts';
import { commonSplits, measureOf, requireEpisodes, type Measure } from './scores.ts';

/** What is compared; everything has a default. */
export interface CompareOptions {
  /** As evaluated: `unseen`, `test-1`, `3000-3499`; default: all that the runs have in common. */
  readonly splits?: readonly string[];
  /** Default: both, where both were played. */
  readonly play?: 'sampled' | 'greedy';
  /** Default: `ledger`, and `episodes` where the environment has no levels. */
  readonly protocol?: 'ledger' | 'paper' | 'episodes';
  /** Of the core state, as the evaluations had it; default `carry`. */
  readonly state?: 'carry' | 'unroll';
  /** Constants of scores; default: as the first run says. */
  readonly normalization?: ScoreSet;
  readonly signal?: AbortSignal;
}

/**
 * Compares runs by their newest evaluations. Runs that differ by their seed only are one group: with three and more its
 * intervals are over runs, else over levels. A difference is significant when its interval leaves out 0 and a permutation
 * test gives p < 0.05. Sets the machine up first where that is not done.
 *
 * @example const { pairs } = await compare(['runs/srwm-1', 'runs/lstm-1'], { splits: ['unseen'] });
 * @throws SrwmError COMPARE_RUNS, COMPARE_NO_EVALUATION, COMPARE_EVALUATION, COMPARE_SPLITS, COMPARE_FEW_EPISODES;
 * RUN_MISSING, RUN_FOREIGN; STATISTICS_FAILED
 */
export async function compare(runs: readonly string[], options: CompareOptions = {}): Promise<CompareReport> {
  const signal = options.signal ?? new AbortController().signal;
  const planned = planComparison(runs, options);
  return compareWith(await setUpForScript(signal), planned, signal);
}

/** What will be compared, read and checked: nothing has started yet. */
export interface Comparison {
  readonly protocol: string;
  readonly state: string;
  readonly groups: readonly RunGroup[];
  readonly splits: readonly string[];
  readonly measure: Measure;
}

/** @throws SrwmError as `compare` does, before anything starts. */
export function planComparison(folders: readonly string[], options: CompareOptions): Comparison {
  const [first] = folders;
  if (first === undefined)
    throw new SrwmError('COMPARE_RUNS', 'compare: at least one run must be given, got none.');
  const { config } = readRecord(first);
  const protocol = options.protocol ?? (hasLevels(config.environment) ? 'ledger' : 'episodes');
  const state = options.state ?? 'carry';
  const runs = folders.map((folder) => evaluatedRun(folder, { protocol, state }));
  const groups = groupRuns(runs);
  const splits = commonSplits(runs, protocol === 'ledger', options);
  const measure = measureOf(runs, options.normalization ?? config.evaluation.normalization);
  requireEpisodes(runs, splits, measure);
  return { protocol, state, groups, splits, measure };
}

/** Does what was planned with the Python of a set-up. */
export async function compareWith(
  interpreter: Interpreter,
  { protocol, state, groups, splits, measure }: Comparison,
  signal: AbortSignal,
): Promise<CompareReport> {
  const paired = protocol === 'ledger';
  const questions = new Questions(measure, paired);
  const rows = splits.flatMap((split) => groups.map((group) => questions.row(group, split)));
  const pairs = splits.flatMap((split) =>
    groups.flatMap((a, i) => groups.slice(i + 1).map((b) => questions.pair(a, b, split))),
  );
  const gaps = groups.flatMap((group) => questions.gaps(group, splits));
  await questions.ask(interpreter, signal);
  const { name, normalization } = measure;
  return {
    protocol,
    state,
    measure: name,
    normalization,
    rows: rows.map((finish) => finish()),
    gaps: gaps.map((finish) => finish()),
    pairs: pairs.map((finish) => finish()),
    notes: notesOf(groups, protocol, measure),
  };
}
