/** What an interpreter means for the process that started it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const TSX = fileURLToPath(import.meta.resolve('tsx'));

function start(name: string, environment: Readonly<Record<string, string>> = {}) {
  const file = fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
  return execa(process.execPath, ['--import', TSX, file], { reject: false, env: environment });
}

function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] !== 'Z';
  } catch {
    return false;
  }
}

test('importing srwm starts no Python', async () => {
  const { stdout } = await start('imports');
  const { isLoaded, resources } = JSON.parse(stdout) as { isLoaded: boolean; resources: string[] };
  expect(isLoaded).toBe(false);
  expect(resources).not.toContain('ProcessWrap');
});

test('Node ends by itself, Python with it; prints go to stderr and stdout stays the script', async () => {
  // DEBUG makes pythonia print its traffic to stdout, and the others would keep it from starting or ending.
  const hostile = {
    DEBUG: '*',
    PYTHONSAFEPATH: '1',
    PYTHONINSPECT: '1',
    PYTHON_BIN: '/nowhere',
    REQ_TIMEOUT: '1',
  };
  const { stdout, stderr, exitCode } = await start('exits', hostile);
  const answer = JSON.parse(stdout) as { said: string; asked: string; pid: number };
  expect(answer).toMatchObject({ said: 'quiet', asked: 'nobody there' });
  for (const voice of ['by Python', 'by a child', 'by C']) expect(stderr).toContain(`printed ${voice}`);
  expect(exitCode).toBe(0);
  expect(isAlive(answer.pid)).toBe(false);
});

test('a script goes on after it has closed Python', async () => {
  const { stdout, stderr, exitCode } = await start('goes-on');
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ wentOn: true });
  expect(exitCode).toBe(0);
});

test('a Python that is busy dies with a Node that is killed', async () => {
  const script = start('killed');
  for await (const line of script.iterable({ from: 'stderr' })) if (line === 'held') script.kill('SIGKILL');
  const { stdout, signal } = await script;
  expect(signal).toBe('SIGKILL');
  await expect.poll(() => isAlive(Number(stdout)), { timeout: 10_000 }).toBe(false);
});
