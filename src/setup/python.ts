/** Finds a Python that can carry the worker. */
import { realpathSync } from 'node:fs';
import { runChild } from './child.ts';
import { noPython, type RejectedPython } from './faults.ts';
import type { ProcessEnvironment } from './places.ts';

/** An interpreter, never a shim and never one inside another venv. */
export interface Python {
  readonly path: string;
  /** `3.11.7` */
  readonly version: string;
}

interface Probe {
  readonly executable: string;
  readonly version: readonly [number, number, number];
  readonly implementation: string;
  readonly venv: boolean;
  readonly bits: number;
}

const OLDEST: readonly [number, number] = [3, 11];
const COMMANDS = ['python3.13', 'python3.12', 'python3.11', 'python3', 'python'];
const PROBE_TIMEOUT_MS = 15_000;

// Runs under every Python since 2.6, so that an old one is told its version instead of a syntax error.
const PROBE = `
import json, sys
try:
    import ensurepip, venv
    able = True
except ImportError:
    able = False
print(json.dumps({
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "version": list(sys.version_info[:3]),
    "implementation": getattr(getattr(sys, "implementation", None), "name", "cpython"),
    "venv": able,
    "bits": 64 if sys.maxsize > 2**32 else 32,
}))
`;

/**
 * Returns the first fitting Python of $SRWM_PYTHON, or else of the commands on the PATH. SRWM_PYTHON is an order, not
 * a hint: an unfit one is an error.
 *
 * @throws SrwmError SETUP_PYTHON, with what was found where.
 */
export async function findPython(environment: ProcessEnvironment, signal: AbortSignal): Promise<Python> {
  const named = environment['SRWM_PYTHON'];
  const rejected: RejectedPython[] = [];
  for (const command of named ? [named] : COMMANDS) {
    const outcome = await probe(command, environment, signal);
    if ('path' in outcome) return outcome;
    rejected.push(outcome);
  }
  throw noPython(rejected, Boolean(named));
}

async function probe(
  command: string,
  environment: ProcessEnvironment,
  signal: AbortSignal,
): Promise<Python | RejectedPython> {
  const result = await runChild(command, ['-c', PROBE], {
    cwd: process.cwd(),
    environment,
    signal,
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  if (result.missing) return { command, problem: environment['SRWM_PYTHON'] ? 'cannot be started' : null };
  const answer = result.ok ? parse(result.stdout.at(-1)) : null;
  if (answer === null) {
    const said = result.tail.find((line) => line.trim() !== '');
    return { command, problem: `does not answer (${said ?? result.how})` };
  }
  const version = answer.version.join('.');
  const problem = unfit(answer, version);
  return problem === null ? { path: real(answer.executable), version } : { command, problem };
}

function parse(line: string | undefined): Probe | null {
  try {
    return JSON.parse(line ?? '') as Probe;
  } catch {
    return null;
  }
}

function unfit(answer: Probe, version: string): string | null {
  const [major, minor] = answer.version;
  const where = `(${answer.executable})`;
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) return `is Python ${version} ${where}`;
  if (answer.implementation !== 'cpython') return `is ${answer.implementation}, not CPython ${where}`;
  if (answer.bits !== 64) return `is a ${answer.bits}-bit Python ${where}`;
  if (!answer.venv) return `is Python ${version} without the venv and ensurepip modules ${where}`;
  return null;
}

/** A link like /usr/bin/python3 may point to another version tomorrow. */
function real(executable: string): string {
  try {
    return realpathSync(executable);
  } catch {
    return executable;
  }
}
