import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSetup } from '../../src/setup/index.ts';
import type { SweepReport } from '../../src/sweeps/index.ts';
import { root } from '../bridge/start-worker.ts';
import { newFolder } from '../src/runs/run-fixture.ts';
import { startSrwm, temporaryProject } from './run-srwm.ts';

const isReady = findSetup(root, process.env) !== null;

describe('srwm sweep refuses, before anything slow', () => {
  const cases: readonly (readonly [string, readonly string[], string, string])[] = [
    ['an unknown preset', ['tyni'], 'CONFIG_UNKNOWN_PRESET', 'tyni'],
    ['seeds of letters', ['tiny', '--seeds', 'a,b'], 'CLI_INVALID_VALUE', '--seeds: must be like 1-5'],
    ['seeds backwards', ['tiny', '--seeds', '5-1'], 'CLI_INVALID_VALUE', '--seeds: must be like 1-5'],
    ['no job', ['tiny', '--jobs', '0'], 'CLI_INVALID_VALUE', '--jobs: must be a positive integer'],
    ['a grid without a key', ['tiny', '--grid', '1,2'], 'CONFIG_INVALID', 'must be key=value'],
    ['an unknown key', ['tiny', '--grid', 'model.cor.kind=srwm'], 'CONFIG_UNKNOWN_KEY', 'model.cor'],
    [
      'a value that cannot be',
      ['tiny', '--grid', 'train.batchSize=8,-1'],
      'CONFIG_INVALID',
      'train.batchSize',
    ],
    ['a file that is not there', ['gone.ts'], 'CONFIG_FILE', 'gone.ts'],
  ];
  test.each(cases)('%s', async (_, words, code, part) => {
    const cwd = temporaryProject();
    const { exitCode, stdout, stderr } = await startSrwm(['sweep', ...words, '--json'], { cwd });
    const error = JSON.parse(stdout) as { readonly code: string; readonly message: string };
    expect([exitCode, error.code]).toEqual([2, code]);
    expect(error.message).toContain(part);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(path.join(cwd, 'sweeps'))).toBe(false);
  });

  test.each([
    ['exports nothing', 'export const x = 1;', 'must be defineSweep(...) or defineRun(...), got none'],
    [
      'awaits for ever',
      'await new Promise(() => {}); export default 1;',
      'a promise that nothing will settle',
    ],
  ])('a file that %s', async (_, text, part) => {
    const cwd = temporaryProject();
    writeFileSync(path.join(cwd, 'mine.ts'), text);
    const { exitCode, stdout } = await startSrwm(['sweep', 'mine.ts', '--skip-types', '--json'], { cwd });
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'CONFIG_FILE',
      message: expect.stringContaining(part) as string,
    });
  });
});

describe.skipIf(!isReady)('srwm sweep (needs a complete set-up: "srwm setup")', () => {
  test('trains what a file says, prints one table, and evaluates a run with own parts of it', async () => {
    const folder = newFolder();
    const file = path.join(root, 'test', 'cli', 'fixtures', 'sweep.ts');
    const environment = {
      SRWM_PYTHON: '',
      SRWM_CACHE: process.env['SRWM_CACHE'] ?? '',
      HOME: process.env['HOME'] ?? '',
    };
    const srwm = (...words: string[]) => startSrwm(words, { cwd: root, environment });
    const { exitCode, stdout } = await srwm('sweep', file, '--dir', folder, '--skip-types', '--json');
    const report = JSON.parse(stdout) as SweepReport;
    expect(exitCode).toBe(0);
    expect(report.runs.map(({ name, status }) => [name, status])).toEqual([
      ['usual,seed=1', 'finished'],
      ['leaky,seed=1', 'finished'],
    ]);
    const again = await srwm('sweep', file, '--dir', folder, '--skip-types');
    expect(again.stdout).toContain('2 of 2 runs finished');
    expect(again.stdout).toContain('one seed has no interval');
    const evaluated = await srwm('evaluate', path.join(folder, 'leaky,seed=1'), '--episodes', '8', '--json');
    expect(evaluated.exitCode).toBe(0);
  });
});
