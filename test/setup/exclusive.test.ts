import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { exclusively } from '../../src/setup/exclusive.ts';

const never = new AbortController().signal;
let file: string;

beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-lock-'));
  file = path.join(folder, 'lock');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

async function deadPid(): Promise<number> {
  const child = execa('true');
  await child;
  return child.pid ?? 0;
}

test('lets one at a time work, and removes its file', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(20);
    inside -= 1;
  };
  await Promise.all([1, 2, 3, 4].map(() => exclusively(file, never, () => {}, work)));
  expect(most).toBe(1);
  expect(existsSync(file)).toBe(false);
});

test('takes over the lock of a process that is gone', async () => {
  writeFileSync(file, JSON.stringify({ pid: await deadPid(), host: hostname(), started: null }));
  let most = 0;
  let inside = 0;
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(20);
    inside -= 1;
  };
  await Promise.all([1, 2, 3, 4].map(() => exclusively(file, never, () => {}, work)));
  expect(most).toBe(1);
});

test.runIf(process.platform === 'linux')(
  'takes over a lock whose process id now belongs to another',
  async () => {
    writeFileSync(file, JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }));
    await expect(
      exclusively(
        file,
        never,
        () => {},
        async () => 'mine',
      ),
    ).resolves.toBe('mine');
  },
);

test('waits for a living holder until it is aborted', async () => {
  writeFileSync(file, JSON.stringify({ pid: process.pid, host: hostname(), started: null }));
  const waited: number[] = [];
  const signal = AbortSignal.timeout(400);
  await expect(
    exclusively(
      file,
      signal,
      (pid) => waited.push(pid),
      async () => {},
    ),
  ).rejects.toThrow();
  expect(waited).toEqual([process.pid]);
  expect(existsSync(file)).toBe(true);
});

test('removes its file when the work fails', async () => {
  const work = (): Promise<never> => Promise.reject(new Error('broken'));
  await expect(exclusively(file, never, () => {}, work)).rejects.toThrow('broken');
  expect(existsSync(file)).toBe(false);
});
