import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startSrwm, temporaryProject } from './run-srwm.ts';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

test('prints usage faults on stderr with a code, and exits with 2', async () => {
  const cwd = temporaryProject();
  const unknown = await startSrwm(['setpu'], { cwd });
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stdout).toBe('');
  expect(unknown.stderr).toMatch(
    /^CLI_UNKNOWN_COMMAND {2}srwm: .*got "setpu"\.\n {2}Did you mean "srwm setup"\?/,
  );
  const option = await startSrwm(['setup', '--dve'], { cwd });
  expect(option.exitCode).toBe(2);
  expect(option.stderr).toMatch(/^CLI_UNKNOWN_OPTION .*--dve\.\n {2}Did you mean --dev\?/);
  const excess = await startSrwm(['doctor', 'now'], { cwd });
  expect(excess.exitCode).toBe(2);
  expect(excess.stderr).toMatch(/^CLI_EXCESS_ARGUMENTS/);
});

test('prints an error as the one JSON line on stdout', async () => {
  const cwd = temporaryProject();
  const { exitCode, stdout } = await startSrwm(['--json', 'setpu'], { cwd });
  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout)).toEqual({
    type: 'error',
    code: 'CLI_UNKNOWN_COMMAND',
    message: expect.any(String) as string,
    remedy: expect.any(String) as string,
  });
});

test('exits with 3 when this machine is not fit, with a stack only for --debug', async () => {
  const cwd = temporaryProject();
  const environment = { FAKE_VERSION: '3.9.1' };
  const plain = await startSrwm(['setup'], { cwd, environment });
  expect(plain.exitCode).toBe(3);
  expect(plain.stderr).toContain('SETUP_PYTHON');
  expect(plain.stderr).not.toMatch(/^\s+at /m);
  const debug = await startSrwm(['setup', '--debug'], { cwd, environment });
  expect(debug.stderr).toMatch(/^\s+at .*faults\.ts/m);
});

test('keeps stdout pure with --json and shows progress on stderr', async () => {
  const cwd = temporaryProject();
  const { exitCode, stdout, stderr } = await startSrwm(['setup', '--json'], { cwd });
  expect(exitCode).toBe(0);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  expect(Object.keys(result)).toEqual(['python', 'venv', 'packages', 'procgen', 'kernels']);
  expect(stderr).toContain('set-up: Python packages: done');
  const again = await startSrwm(['setup', '--json'], { cwd });
  expect(again.stderr).toBe('');
  expect(JSON.parse(again.stdout)).toEqual(result);
});

test('doctor works before set-up, and names the mend for each fault', async () => {
  const cwd = temporaryProject();
  const { exitCode, stdout } = await startSrwm(['doctor', '--json'], { cwd });
  const { ok, checks } = JSON.parse(stdout) as {
    ok: boolean;
    checks: { name: string; ok: boolean; remedy: unknown }[];
  };
  expect([exitCode, ok]).toEqual([3, false]);
  expect(checks.map((check) => check.name)).toEqual([
    'node',
    'python',
    'setup',
    'torch',
    'devices',
    'compiler',
    'procgen',
    'kernels',
    'disk',
    'shared_memory',
  ]);
  for (const check of checks) expect(typeof check.remedy).toBe(check.ok ? 'object' : 'string');
  expect(existsSync(path.join(cwd, '.venv'))).toBe(false);
});

test('stops set-up at the first Ctrl-C with 130, and the next one goes on', async () => {
  const cwd = temporaryProject();
  const child = startSrwm(['setup'], { cwd, environment: { FAKE_HANG: 'packages' } });
  await until(() => existsSync(path.join(cwd, 'calls.hangs')));
  child.kill('SIGINT');
  const { exitCode, stderr } = await child;
  expect(exitCode).toBe(130);
  expect(stderr).toMatch(/CLI_INTERRUPTED/);
  expect((await startSrwm(['setup'], { cwd })).exitCode).toBe(0);
});

test('takes over after a kill -9, while a third waits', async () => {
  const cwd = temporaryProject();
  const killed = startSrwm(['setup'], { cwd, environment: { FAKE_HANG: 'kernels' } });
  await until(() => existsSync(path.join(cwd, 'calls.hangs')));
  killed.kill('SIGKILL');
  await killed;
  const both = await Promise.all([startSrwm(['setup'], { cwd }), startSrwm(['setup'], { cwd })]);
  expect(both.map((one) => one.exitCode)).toEqual([0, 0]);
  const calls = readFileSync(path.join(cwd, 'calls'), 'utf8').trim().split('\n');
  expect(calls.filter((call) => call === 'venv')).toEqual(['venv']);
  process.kill(Number(readFileSync(path.join(cwd, 'calls.hangs'), 'utf8')), 'SIGKILL');
});

test('says how to build when the compiled form is missing', async () => {
  const cwd = temporaryProject();
  mkdirSync(path.join(cwd, 'bin'));
  copyFileSync(new URL('../../bin/srwm.js', import.meta.url), path.join(cwd, 'bin/srwm.js'));
  const { exitCode, stderr } = await execa(process.execPath, [path.join(cwd, 'bin/srwm.js')], {
    reject: false,
  });
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(/^SETUP_NOT_BUILT .*\n {2}Run "npm ci" or "npm run build"/);
});
