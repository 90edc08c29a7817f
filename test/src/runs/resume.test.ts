import { execa } from 'execa';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
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

const nowhere: Places = {
  python: '/nonexistent',
  pythonPath: '',
  environment: {},
  procgenLibrary: null,
  project: root,
};

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

interface Prepared {
  /** A finished run. */
  readonly whole: string;
  readonly end: ReturnType<typeof endOf>;
  /** The same run, stopped after 8 of its 12 updates, with checkpoints at 4 and 8. */
  readonly stopped: string;
}

const prepared = new Map<readonly string[], Promise<Prepared>>();
const shared = mkdtempSync(path.join(tmpdir(), 'srwm-resume-'));
afterAll(() => rmSync(shared, { recursive: true, force: true }));

/** Runs that several tests start from; made once a list of settings. */
function prepare(sets: readonly string[]): Promise<Prepared> {
  const made = prepared.get(sets) ?? makeRuns(sets, path.join(shared, String(prepared.size)));
  prepared.set(sets, made);
  return made;
}

async function makeRuns(sets: readonly string[], parent: string): Promise<Prepared> {
  const whole = path.join(parent, 'whole');
  const stopped = path.join(parent, 'stopped');
  const end = endOf(await startSmall(tiny(...sets), whole));
  const early = await startSmall(tiny(...sets), stopped, {
    onEvent: (event, stop) => event.type === 'update' && event.index === 6 && stop(),
  });
  expect(end).toMatchObject({ finished: true, updates: 12, env_steps: 384 });
  expect(endOf(early)).toMatchObject({ finished: false, updates: 8, env_steps: 256 });
  return { whole, end, stopped };
}

/** A copy that a test may change. */
function copyOf(folder: string): string {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** Resumes `folder` and holds the whole course of the run against the one that was never stopped. */
async function resumeAndCompare(folder: string, { whole, end }: Prepared) {
  const resumed = await resumeSmall(folder);
  expect(endOf(resumed)).toMatchObject({ finished: true, updates: 12, env_steps: 384 });
  expect(endOf(resumed).parameters_sha256).toBe(end.parameters_sha256);
  expect(course(folder)).toEqual(course(whole));
  expect(course(whole)).toHaveLength(12);
  return resumed;
}

const RUN = [...SMALL, 'train.totalEnvSteps=384', 'checkpoint.keep=9'];
const IMPALA_RUN = [...SMALL_IMPALA, 'train.totalEnvSteps=384'];
const OVERLAPPED_RUN = [...RUN, 'train.lanes=overlapped'];
/** Everything of IMPALA that has state of its own, with an unroll that is collected in a thread of its own. */
const POPART_RUN = [
  ...IMPALA_RUN,
  'train.lanes=overlapped',
  'hardware.lanes=threads',
  'train.burnIn=2',
  'algorithm.valueScale.kind=popart',
];

describe.skipIf(python === null)(`a run with a worker (${needsPython})`, { timeout: 180_000 }, () => {
  test.each([
    ['ppo', RUN],
    ['impala', IMPALA_RUN],
    ['ppo with overlapping lanes', OVERLAPPED_RUN],
    ['impala with PopArt, burn-in and lanes at once', POPART_RUN],
  ])('of %s that was stopped and resumed is the one that was never stopped, bit for bit', async (_, sets) => {
    const runs = await prepare(sets);
    const resumed = await resumeAndCompare(copyOf(runs.stopped), runs);
    expect(ofType(resumed, 'run_start')[0]).toMatchObject({ updates: 8, env_steps: 256 });
    expect(ofType(resumed, 'update')).toHaveLength(4);
  });

  test('whose driver was killed goes on from its checkpoint and moves later rows aside', async () => {
    const runs = await prepare(RUN);
    const killed = newFolder();
    const driver = execa(
      process.execPath,
      ['--import', 'tsx', path.join(root, 'test/cli/fixtures/srwm.ts'), 'train', 'tiny']
        .concat(RUN.flatMap((set) => ['--set', set]))
        .concat(['--run', killed, '--json']),
      { cwd: root, reject: false, stdin: 'ignore', buffer: false },
    );
    onTestFinished(() => void driver.kill('SIGKILL'));
    await until(() => updatesSoFar(killed) > 5, 200_000);
    driver.kill('SIGKILL');
    await driver;
    // A fast machine may have got further: the first checkpoint is the one to go on from.
    for (const late of checkpoints(killed).filter((name) => name !== '000000004'))
      rmSync(path.join(killed, 'checkpoints', late), { recursive: true });
    rmSync(path.join(killed, 'result.json'), { force: true });
    const seen = updatesSoFar(killed);
    const resumed = await resumeAndCompare(killed, runs);
    expect(ofType(resumed, 'run_start')[0]?.updates).toBe(4);
    const orphaned = readFileSync(path.join(killed, 'orphaned.jsonl'), 'utf8');
    expect(orphaned.split('"type":"update"').length - 1).toBeGreaterThanOrEqual(seen - 4);
  });

  test.skipIf(process.platform !== 'linux')(
    'whose worker was killed ends with WORKER_LOST, leaves no process and can be resumed',
    async () => {
      const runs = await prepare(RUN);
      const killed = newFolder();
      let worker = 0;
      const error = await rejection(
        startSmall(tiny(...RUN), killed, {
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
      const resumed = await resumeAndCompare(killed, runs);
      expect(ofType(resumed, 'run_start')[0]?.updates).toBe(8);
      expect(ofType(rows(killed, 'orphaned.jsonl'), 'update').map((row) => row.index)).toEqual([8, 9]);
    },
  );

  test('that is finished says its end again and starts no worker', async () => {
    const { whole, end } = await prepare(RUN);
    const before = rows(whole);
    expect(await resumeSmall(whole, { places: nowhere })).toEqual([end]);
    expect(rows(whole)).toEqual(before);
  });

  test('without a checkpoint starts again from its config', async () => {
    const runs = await prepare(RUN);
    const folder = copyOf(runs.stopped);
    rmSync(path.join(folder, 'checkpoints'), { recursive: true });
    const resumed = await resumeAndCompare(folder, runs);
    expect(ofType(resumed, 'run_start')[0]?.updates).toBe(0);
  });

  test('passes over a damaged checkpoint with a warning', async () => {
    const runs = await prepare(RUN);
    const folder = copyOf(runs.stopped);
    expect(checkpoints(folder)).toEqual(['000000004', '000000008']);
    const newest = path.join(folder, 'checkpoints', '000000008');
    const part = readdirSync(newest).find((name) => name !== 'manifest.json') ?? '';
    const bytes = readFileSync(path.join(newest, part));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path.join(newest, part), bytes);
    const resumed = await resumeAndCompare(folder, runs);
    expect(ofType(resumed, 'warning')).toHaveLength(1);
    expect(ofType(resumed, 'warning')[0]?.message).toContain(`checkpoint "${newest}" is damaged (${part}`);
    expect(ofType(resumed, 'run_start')[0]?.updates).toBe(4);
  });
});

/** Whole rows of updates in a run that may be being written. */
function updatesSoFar(folder: string): number {
  const file = path.join(folder, 'metrics.jsonl');
  if (!existsSync(file)) return 0;
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{"type":"update"')).length;
}
