import { execa } from 'execa';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Places } from '../../../src/train/index.ts';
import {
  course,
  endOf,
  isAlive,
  needsPython,
  newFolder,
  ofType,
  python,
  rejection,
  resumeSmall,
  root,
  rows,
  SMALL,
  SMALL_IMPALA,
  startSmall,
  tiny,
  until,
} from './run-fixture.ts';

const nowhere: Places = { python: '/nonexistent', pythonPath: '', environment: {}, procgenLibrary: null };

function checkpoints(folder: string): string[] {
  return readdirSync(path.join(folder, 'checkpoints')).sort();
}

/** The worker of a run says its process id in no file; it is a child of this process. */
function workersOf(parent: number): number[] {
  const file = `/proc/${parent}/task/${parent}/children`;
  if (!existsSync(file)) return [];
  const children = readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('srwm.worker'));
}

describe.skipIf(python === null)(`a run with a worker (${needsPython})`, () => {
  test.each([
    ['ppo', SMALL],
    ['impala', SMALL_IMPALA],
  ])('of %s that was stopped and resumed is the one that was never stopped, bit for bit', async (_, sets) => {
    const whole = newFolder();
    const parts = newFolder();
    const never = await startSmall(tiny(...sets), whole);
    const stopped = await startSmall(tiny(...sets), parts, {
      onEvent: (event, stop) => event.type === 'update' && event.index === 6 && stop(),
    });
    expect(endOf(stopped)).toMatchObject({ finished: false, updates: 8 });
    const resumed = await resumeSmall(parts);
    expect(ofType(resumed, 'run_start')[0]).toMatchObject({ updates: 8, env_steps: 256 });
    expect(endOf(resumed)).toMatchObject({ finished: true, updates: 20, env_steps: 640 });
    expect(endOf(resumed).parameters_sha256).toBe(endOf(never).parameters_sha256);
    expect(course(parts)).toEqual(course(whole));
    expect(course(whole)).toHaveLength(20);
  });

  test('whose driver was killed goes on from its checkpoint and moves later rows aside', async () => {
    const whole = newFolder();
    const killed = newFolder();
    const sets = [...SMALL, 'train.totalEnvSteps=1280', 'checkpoint.everyUpdates=8'];
    const driver = execa(
      process.execPath,
      ['--import', 'tsx', path.join(root, 'test/cli/fixtures/srwm.ts'), 'train', 'tiny']
        .concat(sets.flatMap((set) => ['--set', set]))
        .concat(['--run', killed, '--json']),
      { cwd: root, reject: false, stdin: 'ignore', buffer: false },
    );
    onTestFinished(() => void driver.kill('SIGKILL'));
    await until(() => ofType(rowsSoFar(killed), 'update').length > 10, 25_000);
    driver.kill('SIGKILL');
    await driver;
    // A run may have got to its end in the meantime on a fast machine; the first checkpoint is what counts.
    for (const late of checkpoints(killed).filter((name) => name !== '000000008'))
      rmSync(path.join(killed, 'checkpoints', late), { recursive: true });
    rmSync(path.join(killed, 'result.json'), { force: true });
    const seen = ofType(rowsSoFar(killed), 'update').length;
    const resumed = await resumeSmall(killed);
    expect(ofType(resumed, 'run_start')[0]?.updates).toBe(8);
    expect(ofType(rows(killed, 'orphaned.jsonl'), 'update').length).toBeGreaterThanOrEqual(seen - 8);
    const never = await startSmall(tiny(...sets), whole);
    expect(endOf(resumed).parameters_sha256).toBe(endOf(never).parameters_sha256);
    expect(course(killed)).toEqual(course(whole));
  }, 60_000);

  test.skipIf(process.platform !== 'linux')(
    'whose worker was killed ends with WORKER_LOST, leaves no process and can be resumed',
    async () => {
      const whole = newFolder();
      const killed = newFolder();
      let worker = 0;
      const error = await rejection(
        startSmall(tiny(...SMALL), killed, {
          onEvent: (event) => {
            if (event.type !== 'update' || event.index !== 9) return;
            worker = workersOf(process.pid)[0] ?? 0;
            process.kill(worker, 'SIGKILL');
          },
        }),
      );
      expect(error).toMatchObject({
        code: 'WORKER_LOST',
        remedy: expect.stringContaining(`Go on with "srwm resume ${killed}"`) as string,
      });
      expect((error as { remedy: string }).remedy).toContain(path.join(killed, 'checkpoints', '000000008'));
      expect(isAlive(worker)).toBe(false);
      expect(existsSync(path.join(killed, 'lock'))).toBe(false);
      const resumed = await resumeSmall(killed);
      const never = await startSmall(tiny(...SMALL), whole);
      expect(endOf(resumed).parameters_sha256).toBe(endOf(never).parameters_sha256);
      expect(course(killed)).toEqual(course(whole));
      expect(ofType(rows(killed, 'orphaned.jsonl'), 'update').map((row) => row.index)).toEqual([8, 9]);
    },
  );

  test('that is finished says its end again and starts no worker', async () => {
    const folder = newFolder();
    const events = await startSmall(tiny(...SMALL, 'train.totalEnvSteps=64'), folder);
    const before = rows(folder);
    expect(await resumeSmall(folder, { places: nowhere })).toEqual([endOf(events)]);
    expect(rows(folder)).toEqual(before);
  });

  test('without a checkpoint starts again from its config', async () => {
    const whole = newFolder();
    const sets = [...SMALL, 'train.totalEnvSteps=128'];
    const never = await startSmall(tiny(...sets), whole);
    const folder = newFolder();
    await rejection(startSmall(tiny(...sets), folder, { places: nowhere }));
    const resumed = await resumeSmall(folder);
    expect(ofType(resumed, 'run_start')[0]?.updates).toBe(0);
    expect(endOf(resumed).parameters_sha256).toBe(endOf(never).parameters_sha256);
  });

  test('passes over a damaged checkpoint with a warning', async () => {
    const folder = newFolder();
    const events = await startSmall(tiny(...SMALL), folder, {
      onEvent: (event, stop) => event.type === 'update' && event.index === 6 && stop(),
    });
    expect(endOf(events).updates).toBe(8);
    expect(checkpoints(folder)).toEqual(['000000004', '000000008']);
    const newest = path.join(folder, 'checkpoints', '000000008');
    const part = readdirSync(newest).find((name) => name !== 'manifest.json') ?? '';
    const bytes = readFileSync(path.join(newest, part));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path.join(newest, part), bytes);
    const resumed = await resumeSmall(folder);
    expect(ofType(resumed, 'warning')).toHaveLength(1);
    expect(ofType(resumed, 'warning')[0]?.message).toContain(`checkpoint "${newest}" is damaged (${part}`);
    expect(ofType(resumed, 'run_start')[0]?.updates).toBe(4);
    const whole = newFolder();
    const never = await startSmall(tiny(...SMALL), whole);
    expect(endOf(resumed).parameters_sha256).toBe(endOf(never).parameters_sha256);
    expect(course(folder)).toEqual(course(whole));
  });
});

/** The rows of a run that is being written: its last line may be half there. */
function rowsSoFar(folder: string) {
  const file = path.join(folder, 'metrics.jsonl');
  if (!existsSync(file)) return [];
  const copy = `${file}.copy`;
  copyFileSync(file, copy);
  const text = readFileSync(copy, 'utf8');
  writeFileSync(copy, text.slice(0, text.lastIndexOf('\n') + 1));
  return rows(folder, 'metrics.jsonl.copy');
}
