/** Every check of the repository; `npm run check` runs them and `npm test` counts them as tests. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { FAILED, PASSED, sum, type Counts } from './counts.ts';
import { runProgram } from './program.ts';
import { algorithmWords, machinePaths, tooLong, unkeptPromises } from './rules.ts';

interface Check {
  readonly name: string;
  /** Returns what is wrong, or null. */
  readonly run: () => Promise<string | null>;
}

function program(name: string, file: string, ...args: readonly string[]): Check {
  return {
    name,
    run: async () => {
      const result = await runProgram(file, args);
      return result.ok ? null : result.output;
    },
  };
}

function rule(name: string, find: () => readonly string[]): Check {
  return {
    name,
    run: async () => {
      const findings = find();
      return findings.length === 0 ? null : findings.join('\n');
    },
  };
}

/** A Python tool from `.venv`, with the links of `py` as its import path. */
function python(name: string, tool: string, ...args: readonly string[]): Check {
  const folder = process.platform === 'win32' ? 'Scripts' : 'bin';
  return {
    name,
    run: async () => {
      const file = path.join('.venv', folder, tool);
      if (!existsSync(file)) return `${file} is missing. Run "node bin/srwm.js setup --dev".`;
      const result = await runProgram(file, args, { environment: { PYTHONPATH: 'py' } });
      return result.ok ? null : result.output;
    },
  };
}

const PYTHON_FOLDERS = ['kernels', 'envs', 'bridge/worker', 'src/python', 'test', 'bench', 'examples'];

function pythonFolders(): string[] {
  return PYTHON_FOLDERS.filter((folder) => existsSync(folder));
}

/** Checks that need Node only. */
export const typescriptChecks: readonly Check[] = [
  program('types (tsc)', 'tsc', '--noEmit', '--pretty', 'false'),
  program('lint (eslint)', 'eslint', '.', '--max-warnings', '0'),
  program('format (prettier)', 'prettier', '--check', '.'),
  program('generated protocol is fresh', 'tsx', 'bridge/protocol/generate.ts', '--check'),
  program(
    'layers of TypeScript (dependency-cruiser)',
    'depcruise',
    'src',
    'bridge',
    '--output-type',
    'err-long',
  ),
  program('API docs without a warning (typedoc)', 'typedoc', '--emit', 'none', '--logLevel', 'Warn'),
  rule('no source file over 400 lines', tooLong),
  rule('no algorithm words in Python', algorithmWords),
  rule('no machine paths, no registry addresses', machinePaths),
  rule('no unkept promises', unkeptPromises),
];

/** Checks that need `.venv` with the tools of requirements-dev.lock. */
export const pythonChecks: readonly Check[] = [
  python('lint (ruff)', 'ruff', 'check', '--output-format', 'concise', ...pythonFolders()),
  python('format (ruff)', 'ruff', 'format', '--check', '--output-format', 'concise', ...pythonFolders()),
  python('Dockerfile (hadolint)', 'hadolint', 'Dockerfile'),
  python('layers of Python (import-linter)', 'lint-imports'),
  program('types (pyright)', 'pyright'),
];

/** Runs checks one after the other, prints a line for each and what is wrong, and counts them. */
export async function runChecks(checks: readonly Check[]): Promise<Counts> {
  const counts: Counts[] = [];
  for (const check of checks) {
    const start = performance.now();
    const fault = await check.run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`check | ${fault === null ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`);
    if (fault !== null) console.log(fault.replace(/^/gm, 'check |      '));
    counts.push(fault === null ? PASSED : FAILED);
  }
  return sum(counts);
}
