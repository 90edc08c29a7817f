import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { fixtures, isAlive, needsPython, python, root, until } from './start-worker.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'srwm-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts the driver fixture; resolves when its worker is up. */
async function startDriver(what: string) {
  const driver = spawn(process.execPath, ['--import', 'tsx', path.join(fixtures, 'driver.ts'), what], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
    // A driver that is killed -9 cannot remove the folder of its sockets.
    env: { ...process.env, TMPDIR: folder },
  });
  const exited = once(driver, 'exit').then(([exitCode]) => exitCode as number | null);
  const [line] = (await once(createInterface({ input: driver.stdout }), 'line')) as [string];
  return { driver, exited, pid: Number(line) };
}

describe.skipIf(python === null)(`a driver that ends (${needsPython})`, () => {
  it('exits by itself after close', async () => {
    const { exited, pid } = await startDriver('close');
    expect(await exited).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  it.each(['wait', 'hold_gil'])('leaves no worker behind when it is killed -9 (worker: %s)', async (what) => {
    const { driver, exited, pid } = await startDriver(what);
    expect(isAlive(pid)).toBe(true);
    driver.kill('SIGKILL');
    const elapsed = await until(() => !isAlive(pid), 2_000);
    console.log(`driver killed -9, worker (${what}) gone after ${elapsed.toFixed(0)} ms`);
    await exited;
  });

  it.each(['exit', 'throw'])('leaves no worker behind when it forgets to close (%s)', async (what) => {
    const { exited, pid } = await startDriver(what);
    expect(await exited).toBe(what === 'exit' ? 0 : 1);
    await until(() => !isAlive(pid), 2_000);
  });
});
