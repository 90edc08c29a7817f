/** Starts workers for tests, with handlers that misbehave on command. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Worker, type WorkerOptions } from '../../bridge/client/index.ts';

export const root = path.join(import.meta.dirname, '..', '..');
export const fixtures = path.join(import.meta.dirname, 'fixtures');

function findPython(): string | null {
  const named = process.env['SRWM_TEST_PYTHON'];
  if (named !== undefined) return named;
  const inVenv =
    process.platform === 'win32' ? path.join('Scripts', 'python.exe') : path.join('bin', 'python');
  const made = path.join(root, '.venv', inVenv);
  return existsSync(made) ? made : null;
}

/** A Python with the packages of requirements.lock; null where set-up has not run, and tests that need it are skipped. */
export const python = findPython();
export const needsPython = `needs .venv ("srwm setup") or SRWM_TEST_PYTHON`;

export function workerOptions(changes: Partial<WorkerOptions> = {}): WorkerOptions {
  return {
    python: python ?? 'python3',
    pythonPath: [path.join(root, 'py'), fixtures].join(path.delimiter),
    threads: 1,
    arenaBytes: 2 ** 26,
    logFile: null,
    startTimeoutMs: 30_000,
    pingIntervalMs: 100,
    hungAfterMs: 5_000,
    stopGraceMs: 2_000,
    ...changes,
    environment: { SRWM_HANDLERS: 'misbehaving', ...changes.environment },
  };
}

export function startWorker(changes: Partial<WorkerOptions> = {}): Promise<Worker> {
  return Worker.start(workerOptions(changes));
}

/** Asks the fixture to misbehave: see `fixtures/misbehaving.py`. */
export function behave(worker: Worker, behaviour: string, ...rest: readonly (string | number)[]) {
  return worker.call('release', { handles: [behaviour, ...rest.map(String)] });
}

/** What a promise rejected with. Throws when it did not reject. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('the promise must reject, but it was fulfilled.');
    },
    (error: unknown) => error,
  );
}

/** False for a zombie too: where nothing reaps orphans, a killed process stays in the table. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Milliseconds until `condition` holds; throws after `limitMs`. */
export async function until(condition: () => boolean, limitMs: number): Promise<number> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > limitMs) throw new Error(`nothing happened within ${limitMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - start;
}
