/** Whole runs: a folder, a worker, the loop, and the evaluation at the end. What `train` and `resume` are. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { ResolvedConfig } from '../config/index.ts';
import { evaluate } from '../evaluate/index.ts';
import { reportOf } from '../metrics/index.ts';
import { packageFolder } from '../setup/index.ts';
import {
  readEnd,
  poolSpec,
  readRecord,
  RunDirectory,
  Session,
  trainingLoop,
  writeWhole,
  type Agent,
  type Evaluated,
  type Places,
  type OwnParts,
  type RunEnd,
  type RunEvent,
} from '../train/index.ts';

import { planOf } from './evaluate.ts';
import { keepCopy, ownPartsOf, ownRecord } from './own-file.ts';

export interface RunOptions {
  readonly folder: string;
  readonly places: Places;
  /** Ends the run at the next border between unrolls, with a checkpoint. */
  readonly stop: AbortSignal;
  /** Parts that a person brings; a run that is resumed loads them from its file unless they are given. */
  readonly own?: OwnParts;
  /** The file that they come from, so that the run can load them again. */
  readonly ownFile?: string | null;
  /** The name of the run in that file's sweep, where it default-exports one. */
  readonly ownEntry?: string;
}

/** Starts a new run in `folder` and yields its events; the last is `run_end`. */
export async function* startRun(
  resolved: ResolvedConfig,
  preset: string,
  options: RunOptions,
): AsyncGenerator<RunEvent, void> {
  const { own = {}, ownFile = null, ownEntry } = options;
  // What the environment's section alone shows to be wrong leaves no run behind.
  poolSpec(resolved.config.environment, 0, options.places);
  const kept = ownRecord(options.folder, own, ownFile, ownEntry);
  using run = RunDirectory.create(options.folder, {
    format: 1,
    preset,
    created: new Date().toISOString(),
    versions: { srwm: packageVersion(), node: process.versions.node },
    ...resolved,
    ...kept,
  });
  keepCopy(run.folder, kept.own);
  yield* perform(run, resolved, { ...options, own });
}

/** Goes on with a run from its newest whole checkpoint, or from its config; of a finished run repeats its end. */
export async function* resumeRun(options: RunOptions): AsyncGenerator<RunEvent, void> {
  const end = readRecord(options.folder) && readEnd(options.folder);
  if (end?.finished === true) {
    yield end;
    return;
  }
  const own = options.own ?? (await ownPartsOf(options.folder, readRecord(options.folder)));
  const { run: opened, record } = RunDirectory.open(options.folder);
  using run = opened;
  yield* perform(run, record, { ...options, own });
}

async function* perform(
  run: RunDirectory,
  { config }: ResolvedConfig,
  { places, stop, own = {} }: RunOptions,
): AsyncGenerator<RunEvent, void> {
  let lastCheckpoint: string | null = null;
  try {
    await using session = await Session.start(places, config.hardware, {
      logFile: run.path('log', 'worker.log'),
    });
    const evaluated = async (agent: Agent, update: number, baselines: boolean): Promise<Evaluated> => {
      const plan = planOf(config, {}, own);
      const arena = { session, config, places, agent, plan, run: run.folder, signal: stop };
      const evaluation = await evaluate({ ...arena, baselines, update });
      writeWhole(run.path('evaluations', `${update}.json`), `${JSON.stringify(evaluation)}\n`);
      return { type: 'evaluation', ...reportOf(evaluation) };
    };
    const during = (agent: Agent, update: number): Promise<Evaluated | null> =>
      evaluated(agent, update, false).catch((error: unknown) => {
        // Whoever stops the run gets its checkpoint; the evaluation is made again when it goes on.
        if (stop.aborted) return null;
        throw error;
      });
    const loop = trainingLoop({ session, config, places, run, stop, own, evaluate: during });
    let ended: RunEnd | null = null;
    for (;;) {
      const step = await loop.next();
      if (!step.done) {
        if (step.value.type === 'checkpoint') lastCheckpoint = step.value.path;
        if (step.value.type === 'run_end') ended = step.value;
        else yield recorded(run, step.value);
        continue;
      }
      if (ended === null) throw new Error('internal: the loop ended without run_end');
      if (ended.finished && config.evaluation.atEnd && !stop.aborted) {
        yield recorded(run, await evaluated(step.value.agent, ended.updates, true));
      }
      run.writeEnd(ended);
      yield recorded(run, ended);
      return;
    }
  } catch (error) {
    throw withWayBack(error, run.folder, lastCheckpoint);
  }
}

function recorded<E extends RunEvent>(run: RunDirectory, event: E): E {
  run.record(event);
  return event;
}

/** Adds to a failure what was saved and how to go on. */
function withWayBack(error: unknown, folder: string, lastCheckpoint: string | null): unknown {
  if (!(error instanceof SrwmError)) return error;
  const saved =
    lastCheckpoint === null
      ? 'This part of the run wrote no checkpoint.'
      : `Last good checkpoint: ${lastCheckpoint}.`;
  Object.defineProperty(error, 'remedy', {
    value: `${error.remedy} ${saved} Go on with "srwm resume ${folder}".`,
  });
  return error;
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(path.join(packageFolder(), 'package.json'), 'utf8')) as { version: string })
    .version;
}
