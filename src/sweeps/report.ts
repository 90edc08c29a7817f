/** What a sweep came to: a row a run from the run's own files, and seeds of one setting put together. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { estimate, type Estimate, type SplitResult } from '../metrics/index.ts';
import { readEnd, type RunEvent } from '../train/index.ts';
import type { PlannedRun } from './plan.ts';

/** Why a run failed. */
export interface SweepFailure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** One run of a sweep. */
export interface SweepRow {
  readonly name: string;
  readonly group: string;
  readonly seed: number;
  readonly changes: Readonly<Record<string, unknown>>;
  /** `waiting`: not begun. `stopped`: begun, and the same sweep goes on with it. */
  readonly status: 'waiting' | 'stopped' | 'finished' | 'failed';
  /** The run directory. */
  readonly run: string;
  readonly updates: number;
  readonly env_steps: number;
  readonly seconds: number;
  /** Of the last 200 training episodes; null before the first. */
  readonly episode_return: Estimate | null;
  /** Of the evaluation at the end, if the config asks for one. */
  readonly splits: readonly SplitResult[];
  readonly parameters_sha256: string | null;
  readonly error: SweepFailure | null;
}

/** A number of finished runs that differ by their seed only. */
export interface SweepMeasure {
  /** `training`, or `<split>/<way of playing> <game>`. */
  readonly name: string;
  /** Over seeds, each with its mean return; the interval is null for fewer than two seeds. */
  readonly seeds: number;
  readonly mean: number;
  readonly ci95: readonly [low: number, high: number] | null;
}

/** Runs that differ by their seed only, put together. */
export interface SweepGroup {
  readonly name: string;
  readonly seeds: readonly number[];
  readonly measures: readonly SweepMeasure[];
}

/** The table of a sweep. */
export interface SweepReport {
  readonly sweep: string;
  readonly runs: readonly SweepRow[];
  readonly groups: readonly SweepGroup[];
}

/** Reads what the runs wrote; `failures` are those of this process, by name of the run. */
export function reportOf(
  folder: string,
  planned: readonly PlannedRun[],
  failures: ReadonlyMap<string, SweepFailure>,
): SweepReport {
  const runs = planned.map((one) => rowOf(folder, one, failures.get(one.name) ?? null));
  const names = [...new Set(runs.map(({ group }) => group))];
  return { sweep: folder, runs, groups: names.map((name) => groupOf(name, runs)) };
}

function rowOf(folder: string, planned: PlannedRun, error: SweepFailure | null): SweepRow {
  const run = path.join(folder, planned.name);
  const end = readEnd(run);
  const events = eventsOf(run);
  const last = events.findLast((event) => event.type === 'update');
  const evaluation = events.findLast((event) => event.type === 'evaluation');
  const begun = existsSync(path.join(run, 'config.json'));
  const finished = end?.finished === true;
  return {
    name: planned.name,
    group: planned.group,
    seed: planned.seed,
    changes: planned.changes,
    status: error !== null ? 'failed' : finished ? 'finished' : begun ? 'stopped' : 'waiting',
    run,
    updates: end?.updates ?? (last === undefined ? 0 : last.index + 1),
    env_steps: end?.env_steps ?? last?.env_steps ?? 0,
    seconds: end?.seconds ?? last?.seconds ?? 0,
    episode_return: last?.episode_return ?? null,
    splits: finished ? (evaluation?.splits ?? []) : [],
    parameters_sha256: end?.parameters_sha256 ?? null,
    error,
  };
}

function eventsOf(run: string): RunEvent[] {
  const file = path.join(run, 'metrics.jsonl');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as RunEvent];
      } catch {
        // A row that a crash cut short; the run itself drops it when it goes on.
        return [];
      }
    });
}

/** Numbers of the finished runs only: a run that stopped early would pull the mean towards its start. */
function groupOf(name: string, rows: readonly SweepRow[]): SweepGroup {
  const own = rows.filter(({ group, status }) => group === name && status === 'finished');
  const values = new Map<string, number[]>();
  const add = (measure: string, value: number): unknown =>
    values.set(measure, [...(values.get(measure) ?? []), value]);
  for (const { episode_return, splits } of own) {
    if (episode_return !== null) add('training', episode_return.mean);
    for (const split of splits)
      for (const { game, mean_return } of split.games) add(`${split.name} ${game}`, mean_return);
  }
  const measures = [...values].map(([measure, means]) => {
    const { count, mean, ci95 } = estimate(means);
    return { name: measure, seeds: count, mean, ci95: count < 2 ? null : ci95 };
  });
  return { name, seeds: own.map(({ seed }) => seed), measures };
}
