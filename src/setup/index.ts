/** Makes this machine fit to run a worker, and says what it found. */
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { exclusively } from './exclusive.ts';
import { fileFault } from './faults.ts';
import { EMPTY_JOURNAL, hasJournal, readJournal, writeJournal, type Journal } from './journal.ts';
import { kernelsStep, procgenStep } from './native-steps.ts';
import { checkStep, installerStep, modulesStep, packagesStep } from './package-steps.ts';
import { findPlaces, type ProcessEnvironment } from './places.ts';
import { toolsOf, type Goal, type Step, type StepName } from './step.ts';
import { clearTheWay, venvStep } from './venv-step.ts';

export { pythonEnvironment } from './child.ts';
export { examine, type Check, type Examination } from './doctor.ts';
export { packageFolder, projectFolder, cacheFolder, type ProcessEnvironment } from './places.ts';
export type { StepName } from './step.ts';

/** What set-up says while it works. */
export type SetupEvent =
  /** Another process is setting up the same `.venv`. */
  | { readonly type: 'waiting'; readonly pid: number }
  | { readonly type: 'step'; readonly step: StepName; readonly title: string }
  | { readonly type: 'line'; readonly step: StepName; readonly text: string }
  | { readonly type: 'step_done'; readonly step: StepName; readonly title: string; readonly seconds: number };

export interface SetupOptions {
  /** Where the command was started: the nearest package.json upwards decides where `.venv` lies. */
  readonly cwd: string;
  readonly environment: ProcessEnvironment;
  /** Also installs what the project's own checks need. */
  readonly dev: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SetupEvent) => void;
}

/** A machine that is fit. */
export interface Setup {
  /** The interpreter inside `.venv`. */
  readonly python: string;
  /** `3.11.7` */
  readonly pythonVersion: string;
  readonly venv: string;
  /** The folder of the user's package.json. */
  readonly project: string;
  /** The folder from which Python imports `srwm`; goes on PYTHONPATH. */
  readonly pythonPath: string;
  readonly cache: string;
  /** Variables that the worker needs beside its own: where set-up put things. */
  readonly environment: Readonly<Record<string, string>>;
  /** The unpacked `procgen/data` folder, or null where ProcGen cannot run. */
  readonly procgenLibrary: string | null;
  readonly procgen: {
    readonly sha256: string | null;
    readonly stubs: boolean;
    readonly reason: string | null;
  };
  readonly kernels: { readonly path: string | null; readonly reason: string | null };
  readonly packages: { readonly count: number; readonly lock: string; readonly dev: boolean };
}

const steps: readonly Step[] = [
  venvStep,
  installerStep,
  packagesStep,
  modulesStep,
  procgenStep,
  kernelsStep,
  checkStep,
];

/** The steps in order, for those who show progress. */
export const setupSteps: readonly { readonly name: StepName; readonly title: string }[] = steps;

/**
 * Brings the machine into the state that a worker needs and returns where things are. A no-op of some milliseconds
 * when that was done before; goes on where a stopped one left; waits while another process does the same.
 *
 * @throws SrwmError SETUP_*; the signal's reason when aborted.
 */
export async function ensureSetup(options: SetupOptions): Promise<Setup> {
  const { environment, dev, signal } = options;
  const places = findPlaces(options.cwd, environment);
  const goal: Goal = { places, dev, environment: { ...environment, SRWM_CACHE: places.cache } };
  const finished = finishedSetup(goal);
  if (finished !== null) return finished;
  try {
    const lock = path.join(places.venv, 'srwm-setup.lock');
    const onWait = (pid: number): void => options.onEvent({ type: 'waiting', pid });
    if (!hasJournal(places.venv)) await clearTheWay(goal, signal);
    return await exclusively(lock, signal, onWait, () => reach(goal, options));
  } catch (error) {
    throw fileFault(error, places.venv);
  }
}

/** The same for a script of a person's own: quiet on stderr unless there is something to do. @throws as ensureSetup */
export async function setUpForScript(signal?: AbortSignal): Promise<Setup> {
  return ensureSetup({
    cwd: process.cwd(),
    environment: process.env,
    dev: false,
    signal: signal ?? new AbortController().signal,
    onEvent: (event) => {
      if (event.type === 'step') process.stderr.write(`set-up: ${event.title}\n`);
    },
  });
}

/** Returns the set-up of this project when nothing is left to do, else null. Reads a few files, starts nothing. */
export function findSetup(cwd: string, environment: ProcessEnvironment): Setup | null {
  const places = findPlaces(cwd, environment);
  return finishedSetup({ places, dev: false, environment: { ...environment, SRWM_CACHE: places.cache } });
}

function finishedSetup(goal: Goal): Setup | null {
  const journal = readJournal(goal.places.venv);
  if (journal === null || !steps.every((step) => step.isDone(journal, goal))) return null;
  return describe(journal, goal);
}

async function reach(goal: Goal, options: SetupOptions): Promise<Setup> {
  const { venv } = goal.places;
  let journal = readJournal(venv) ?? EMPTY_JOURNAL;
  const save = (next: Journal): void => writeJournal(venv, next);
  if (!hasJournal(venv)) save(journal);
  const log = logIn(venv);
  let begun = false;
  for (const step of steps) {
    if (step.isDone(journal, goal)) continue;
    if (!begun) log.begin();
    begun = true;
    const start = performance.now();
    options.onEvent({ type: 'step', step: step.name, title: step.title });
    const say = (text: string): void => options.onEvent({ type: 'line', step: step.name, text });
    journal = await step.run(journal, goal, toolsOf(step, goal, options.signal, say, save, log));
    save(journal);
    const seconds = (performance.now() - start) / 1000;
    options.onEvent({ type: 'step_done', step: step.name, title: step.title, seconds });
  }
  return describe(journal, goal);
}

/** A log that cannot be written must not hide the fault that fills the disk: the step itself meets that. */
function logIn(venv: string): {
  readonly file: string;
  readonly begin: () => void;
  readonly write: (line: string) => void;
} {
  const file = path.join(venv, 'srwm-setup.log');
  const quietly = (write: () => void): void => {
    try {
      write();
    } catch {
      // Nothing to do: see above.
    }
  };
  return {
    file,
    begin: () => quietly(() => writeFileSync(file, '')),
    write: (line) => quietly(() => appendFileSync(file, `${line}\n`)),
  };
}

function describe(journal: Journal, goal: Goal): Setup {
  const { venv, packages, modules, procgen, kernels } = journal;
  if (!venv || !packages || !modules || !procgen || !kernels)
    throw new Error('internal: set-up left a step out');
  return {
    python: goal.places.venvPython,
    pythonVersion: venv.version,
    venv: goal.places.venv,
    project: goal.places.project,
    pythonPath: modules.key,
    cache: goal.places.cache,
    environment: { SRWM_CACHE: goal.places.cache },
    procgenLibrary: procgen.library,
    procgen: { sha256: procgen.sha256, stubs: procgen.stubs, reason: procgen.reason },
    kernels: { path: kernels.path, reason: kernels.reason },
    packages: { count: packages.distributions.length, lock: packages.key, dev: packages.dev },
  };
}
