/** `srwm bench`: every figure is a ratio of pairs taken in turns inside one run. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { packageFolder } from '../src/setup/index.ts';
import type { Places } from '../src/train/index.ts';
import type { Bench } from './bench.ts';
import { describeMachine } from './machine.ts';
import type { Report } from './report.ts';
import { CannotMeasure, type Row, type Skip } from './row.ts';
import { suites, type Measurement, type SuiteName } from './suites/index.ts';

export { easyConfig } from './program.ts';
export { table, writeResults, type Report } from './report.ts';
export { rowNames, suiteNames, type SuiteName } from './suites/index.ts';

/** Fewest pairs of a figure that is reported; `full` takes more. */
const PAIRS = 9;
const FULL_PAIRS = 25;

export interface BenchOptions {
  readonly suites: readonly SuiteName[];
  /** Only these rows of them; empty = all. */
  readonly rows?: readonly string[];
  readonly places: Places;
  readonly full: boolean;
  /** Replaces the number of pairs, for a quick look. */
  readonly pairs?: number;
  /** Changes of the measured config, for a quick look. */
  readonly assignments?: readonly string[];
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface BenchOutcome {
  readonly report: Report;
  readonly bySuite: ReadonlyMap<SuiteName, Report>;
  /** Rows that failed, beside those that this machine cannot measure. */
  readonly failed: number;
  /** The signal came before the last row. */
  readonly stopped: boolean;
}

/** Where committed results lie. */
export function resultsFolder(): string {
  return path.join(packageFolder(), 'bench', 'results');
}

/** Runs the suites one after the other; a row that fails does not take the others with it. */
export async function runBench(options: BenchOptions): Promise<BenchOutcome> {
  const { places, full, note, signal } = options;
  const pairs = options.pairs ?? (full ? FULL_PAIRS : PAIRS);
  const programs = path.join(packageFolder(), 'bench');
  const rest = { places, programs, threads: availableParallelism(), pairs, full, note, signal };
  const { machine, versions } = await describeMachine({ ...rest, assignments: [] });
  const bench: Bench = { ...rest, device: machine.device, assignments: options.assignments ?? [] };
  const bySuite = new Map<SuiteName, Report>();
  const wanted = new Set(options.rows);
  let failed = 0;
  for (const suite of options.suites) {
    const results: Row[] = [];
    const skipped: Skip[] = [];
    for (const measurement of suites[suite]) {
      if (wanted.size > 0 && !wanted.has(measurement.name)) continue;
      const outcome = await attempt(measurement, bench);
      if ('row' in outcome) results.push(outcome.row);
      else skipped.push(outcome.skip);
      failed += 'failed' in outcome && outcome.failed ? 1 : 0;
    }
    if (results.length + skipped.length > 0) bySuite.set(suite, { machine, versions, results, skipped });
  }
  const reports = [...bySuite.values()];
  const report = {
    machine,
    versions,
    results: reports.flatMap(({ results }) => results),
    skipped: reports.flatMap(({ skipped }) => skipped),
  };
  return { report, bySuite, failed, stopped: signal.aborted };
}

type Attempt = { readonly row: Row } | { readonly skip: Skip; readonly failed: boolean };

async function attempt({ name, measure }: Measurement, bench: Bench): Promise<Attempt> {
  // What was measured before a person stopped it is worth as much as ever.
  const stopped = { skip: { name, reason: 'stopped before it was measured' }, failed: false };
  if (bench.signal.aborted) return stopped;
  const started = performance.now();
  try {
    const row = await measure(bench);
    bench.note(`${name}  ${((performance.now() - started) / 1000).toFixed(0)} s`);
    return { row };
  } catch (error) {
    if (bench.signal.aborted) return stopped;
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof CannotMeasure) return { skip: { name, reason: message }, failed: false };
    bench.note(`${name} failed: ${message}`);
    // The last line of a Python traceback is what happened; the rest names files of this machine.
    return { skip: { name, reason: `failed: ${message.trim().split('\n').at(-1) ?? ''}` }, failed: true };
  }
}
