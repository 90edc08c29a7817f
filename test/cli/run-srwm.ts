/** Runs the command line as a process of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { FAKE_PYTHON } from '../setup/fixtures/project.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/srwm.ts', import.meta.url));
const TSX = fileURLToPath(import.meta.resolve('tsx'));

/** Returns a folder with a package.json, removed after the test. */
export function temporaryProject(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-cli-'));
  writeFileSync(path.join(folder, 'package.json'), '{}');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts `srwm <words>` in `cwd` with the fake Python; `environment` adds to it or changes it. */
export function startSrwm(
  words: readonly string[],
  options: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>> },
) {
  return execa(process.execPath, ['--import', TSX, PROGRAM, ...words], {
    cwd: options.cwd,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: options.cwd,
      SRWM_PYTHON: FAKE_PYTHON,
      SRWM_CACHE: path.join(options.cwd, 'cache'),
      FAKE_LOG: path.join(options.cwd, 'calls'),
      ...options.environment,
    },
  });
}
