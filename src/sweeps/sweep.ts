/** Trains the runs of a sweep, some at a time; what is finished stays, what was begun goes on. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { resumeRun, startRun } from '../runs/index.ts';
import { setUpForScript } from '../setup/index.ts';
import { readEnd, readRecord, RunDirectory, writeWhole, type Places, type RunEvent } from '../train/index.ts';
import { defineSweep, type SweepDefinition } from './definition.ts';
import { planSweep, type PlannedRun } from './plan.ts';
import { reportOf, type SweepFailure, type SweepReport } from './report.ts';

export interface SweepRunOptions {
  readonly folder: string;
  readonly places: Places;
  /** Runs at a time. */
  readonly jobs: number;
  /** Ends every run at its next border between unrolls, with a checkpoint; begins no other. */
  readonly stop: AbortSignal;
  /** The file that default-exports the sweep, so that a run with own parts finds them again. */
  readonly ownFile?: string | null;
  readonly onEvent?: (run: PlannedRun, event: RunEvent) => void;
  readonly onFailure?: (run: PlannedRun, failure: SweepFailure) => void;
}

/** Trains what is not finished, and returns the table, which also stands in `sweep.json`. */
export async function runSweep(
  planned: readonly PlannedRun[],
  options: SweepRunOptions,
): Promise<SweepReport> {
  const { folder, jobs, stop } = options;
  requireSame(folder, planned);
  RunDirectory.requireNew(folder);
  const failures = new Map<string, SweepFailure>();
  const save = (): SweepReport => {
    const report = reportOf(folder, planned, failures);
    writeWhole(path.join(folder, 'sweep.json'), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  };
  const waiting = planned.filter(({ name }) => readEnd(path.join(folder, name))?.finished !== true);
  const worker = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined && !stop.aborted; run = waiting.shift()) {
      try {
        for await (const event of eventsOf(run, options)) options.onEvent?.(run, event);
      } catch (error) {
        if (stop.aborted && !(error instanceof SrwmError)) return;
        const failure = failureOf(error);
        failures.set(run.name, failure);
        options.onFailure?.(run, failure);
      }
      save();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, waiting.length) }, worker));
  return save();
}

function eventsOf(run: PlannedRun, options: SweepRunOptions): AsyncGenerator<RunEvent, void> {
  const { places, stop, ownFile = null } = options;
  const { own, entry } = run;
  const folder = path.join(options.folder, run.name);
  if (existsSync(path.join(folder, 'config.json'))) return resumeRun({ folder, places, stop, own });
  return startRun(run.resolved, `sweep ${run.entry}`, {
    folder,
    places,
    stop,
    own,
    ownFile,
    ownEntry: entry,
  });
}

/** A folder holds runs of one plan: a run of another config under the same name would be counted as this one. */
function requireSame(folder: string, planned: readonly PlannedRun[]): void {
  for (const { name, resolved } of planned) {
    const run = path.join(folder, name);
    if (!existsSync(path.join(run, 'config.json'))) continue;
    const { config } = readRecord(run);
    const wanted = JSON.parse(JSON.stringify(resolved.config)) as object;
    if (isDeepStrictEqual(config, wanted)) continue;
    throw new SrwmError(
      'SWEEP_CHANGED',
      `sweep: the config of "${name}" must be that of the run in "${run}", but ${differing(config, wanted)} differs.`,
    );
  }
}

function differing(before: object, after: object, key = ''): string {
  const [a, b] = [before, after] as [Record<string, unknown>, Record<string, unknown>];
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [left, right] = [a[name], b[name]];
    if (isDeepStrictEqual(left, right)) continue;
    const inside = [left, right].every(
      (one) => typeof one === 'object' && one !== null && !Array.isArray(one),
    );
    const full = key === '' ? name : `${key}.${name}`;
    if (inside) return differing(left as object, right as object, full);
    return `${full} (${JSON.stringify(left) ?? 'absent'} there, ${JSON.stringify(right) ?? 'absent'} here)`;
  }
  return 'nothing';
}

function failureOf(error: unknown): SweepFailure {
  if (error instanceof SrwmError) return { code: error.code, message: error.message, remedy: error.remedy };
  return { code: 'RUN_SCRIPT', message: String(error), remedy: 'Run it alone with "srwm train --debug".' };
}

/** Where a sweep goes, how it is stopped, and who hears of it. */
export interface SweepOptions {
  /** Holds one run directory a run; the same folder goes on with them. Default: `sweeps/<names of the runs>`. */
  readonly folder?: string;
  /** Runs at a time; default: what the definition says. */
  readonly jobs?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (run: PlannedRun, event: RunEvent) => void;
}

/**
 * Trains every run of a sweep and returns its table. A failed run does not end the others: it stands in the table with
 * its error. Called again with the same folder, it goes on with what is not finished.
 *
 * @example const { groups } = await sweep({ runs: { tiny: presets.tiny() }, seeds: [1, 2, 3] }, { folder: 'sweeps/tiny', jobs: 2 });
 * @throws SrwmError SWEEP_INVALID, SWEEP_CHANGED, CONFIG_INVALID, SETUP_*
 */
export async function sweep(definition: SweepDefinition, options: SweepOptions = {}): Promise<SweepReport> {
  const { jobs, runs } = defineSweep(definition);
  const planned = planSweep(definition);
  const stop = options.signal ?? new AbortController().signal;
  return runSweep(planned, {
    folder: path.resolve(options.folder ?? path.join('sweeps', Object.keys(runs).join('+'))),
    places: await setUpForScript(stop),
    jobs: options.jobs ?? jobs ?? 1,
    stop,
    ...(options.onEvent && { onEvent: options.onEvent }),
  });
}
