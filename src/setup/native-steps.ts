/** Fetches ProcGen's native library and compiles the CPU kernels; both live in the cache, shared by projects. */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { errorCodes, type ErrorCode } from '../../bridge/protocol/codes.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { asObject } from './json-line.ts';
import { keyOf, type Journal } from './journal.ts';
import type { ProcessEnvironment } from './places.ts';
import type { Goal, Step } from './step.ts';

/** Returns why ProcGen cannot run on this machine, or null when it can. */
export function procgenObstacle(platform: string, architecture: string): string | null {
  if (platform === 'linux' && architecture === 'x64') return null;
  return `ProcGen's library exists for Linux x86-64 only, got ${platform} ${architecture}: the toy games train here`;
}

interface ProcgenReport {
  readonly library: string;
  readonly sha256: string;
  readonly stubs: boolean | readonly string[];
}

export const procgenStep: Step = {
  name: 'procgen',
  title: 'ProcGen library',

  isDone: (journal, goal) => {
    const entry = journal.procgen;
    if (entry === undefined || entry.key !== procgenKey(goal)) return false;
    return entry.library === null ? entry.reason !== null : existsSync(entry.library);
  },

  run: async (journal, goal, tools) => {
    const key = procgenKey(goal);
    const reason = procgenObstacle(process.platform, process.arch);
    if (reason !== null) {
      return { ...journal, procgen: { key, library: null, sha256: null, stubs: false, reason } };
    }
    const args = ['-m', 'srwm.envs.procgen.install', '--cache', goal.places.cache];
    const result = await tools.attempt(goal.places.venvPython, args);
    if (!result.ok) throw namedFailure(result.tail) ?? tools.failed(result);
    const report = lastReport<ProcgenReport>(result.stdout, 'library');
    if (report === null) throw tools.failed(result);
    const stubs = typeof report.stubs === 'boolean' ? report.stubs : report.stubs.length > 0;
    return {
      ...journal,
      procgen: { key, library: report.library, sha256: report.sha256, stubs, reason: null },
    };
  },
};

function procgenKey(goal: Goal): string {
  const lock = readFileSync(path.join(goal.places.package, 'procgen.lock'));
  return keyOf(lock, goal.places.cache, process.platform, process.arch);
}

interface KernelsReport {
  readonly built: boolean;
  readonly path: string | null;
  readonly reason: string | null;
}

export const kernelsStep: Step = {
  name: 'kernels',
  title: 'CPU kernels',

  isDone: (journal, goal) => {
    const entry = journal.kernels;
    if (entry === undefined || entry.key !== kernelsKey(journal, goal, entry.path !== null)) return false;
    return entry.path === null || existsSync(entry.path);
  },

  run: async (journal, goal, tools) => {
    const result = await tools.run(goal.places.venvPython, ['-m', 'srwm.kernels.build']);
    const report = lastReport<KernelsReport>(result.stdout, 'built');
    if (report === null) throw tools.failed(result);
    const { built, path: library, reason } = report;
    if (library === null) tools.say(`no compiled kernels: ${reason ?? 'no reason given'}`);
    return {
      ...journal,
      kernels: { key: kernelsKey(journal, goal, library !== null), built, path: library, reason },
    };
  },
};

/**
 * Sources, cache, and the compiler where none was found before: one that is installed later is used at the next command,
 * and kernels that were built need none any more (an image carries them without it).
 */
function kernelsKey(journal: Journal, goal: Goal, hasLibrary: boolean): string {
  const folder = path.join(goal.places.package, 'kernels');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cpp|c|h)$/.test(name) || name === 'build.py')
    .sort();
  const sources = names.map((name) => readFileSync(path.join(folder, name)));
  const compiler = hasLibrary ? '' : (findCompiler(goal.environment) ?? '');
  return keyOf(goal.places.cache, compiler, journal.packages?.key ?? '', ...sources);
}

/** Returns the C++ compiler that the kernels' build would take, or null. */
export function findCompiler(environment: ProcessEnvironment): string | null {
  const names = environment['CXX'] ? [environment['CXX']] : ['c++', 'g++', 'clang++'];
  const folders = (environment['PATH'] ?? '').split(path.delimiter);
  for (const name of names) {
    const places = path.isAbsolute(name) ? [name] : folders.map((folder) => path.join(folder, name));
    const found = places.find(isExecutable);
    if (found !== undefined) return found;
  }
  return null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns the last line that is a JSON object with `field`. */
function lastReport<T>(lines: readonly string[], field: string): T | null {
  for (const line of [...lines].reverse()) {
    const value = asObject(line);
    if (value !== null && field in value) return value as T;
  }
  return null;
}

// The environments' own codes, seen from set-up: the machine is not fit.
const seenFromSetup: Readonly<Record<string, ErrorCode>> = {
  ENV_LIBRARY_CHECKSUM: 'SETUP_CHECKSUM',
  ENV_LIBRARY_MISSING: 'SETUP_STEP',
  ENV_PLATFORM: 'SETUP_PLATFORM',
};

/** Our own Python modules name their failures in a JSON line; other failures give null. */
function namedFailure(lines: readonly string[]): SrwmError | null {
  const said = lastReport<{ code: unknown; message: unknown; remedy: unknown }>(lines, 'code');
  if (said === null || typeof said.code !== 'string' || typeof said.message !== 'string') return null;
  const code =
    seenFromSetup[said.code] ?? (said.code in errorCodes ? (said.code as ErrorCode) : 'SETUP_STEP');
  const remedy = typeof said.remedy === 'string' && said.remedy !== '' ? { remedy: said.remedy } : {};
  return new SrwmError(code, said.message, { ...remedy, detail: { said: said.code } });
}
