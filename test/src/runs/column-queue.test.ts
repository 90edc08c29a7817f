/** Runs whose slots are no multiple of a batch: their updates, one by one, and the same bits after a stop or a kill. */
import { execa } from 'execa';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { curriculum } from '../../../src/index.ts';
import { resumeRun, startRun } from '../../../src/runs/index.ts';
import { updateLoop, type OwnParts, type RunEvent, type Update } from '../../../src/train/index.ts';
import { startSession } from '../../support/session.ts';
import {
  course,
  endOf,
  needsPython,
  newFolder,
  ofType,
  places,
  python,
  resumeSmall,
  root,
  rows,
  SMALL_IMPALA,
  startSmall,
  tiny,
  until,
} from './run-fixture.ts';

/** 6 slots for batches of 4: an unroll of 48 env steps makes one update and leaves two columns over, or makes two. */
const SIX = [...SMALL_IMPALA, 'environment.numEnvs=6', 'train.totalEnvSteps=240'];
/** 4 slots for batches of 10: with three unrolls, then two, there are enough for an update. */
const FOUR = [...SMALL_IMPALA, 'environment.numEnvs=4', 'train.batchSize=10', 'train.totalEnvSteps=320'];

async function updatesOf(sets: readonly string[], pause = 0): Promise<Update[]> {
  await using session = await startSession();
  const { config } = tiny(...sets);
  const seen: Update[] = [];
  for await (const update of updateLoop({ session, config, places, stop: new AbortController().signal })) {
    seen.push(update);
    if (pause > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
  return seen;
}

/** Of the newest checkpoint at that update. */
const leftOverIn = (folder: string, update: number): unknown => {
  const checkpoints = path.join(folder, 'checkpoints');
  const ofUpdate = readdirSync(checkpoints).filter((one) => one.startsWith(String(update).padStart(9, '0')));
  const manifest = path.join(checkpoints, ofUpdate.sort().at(-1) ?? '', 'manifest.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { counters: { leftOver?: unknown } }).counters
    .leftOver;
};

describe.skipIf(python === null)(`columns that wait (${needsPython})`, { timeout: 240_000 }, () => {
  test('of 6 slots are learnt from 4 at a time, as soon as there are 4', async () => {
    const updates = await updatesOf(SIX);
    // 5 unrolls are 30 columns: the last two are not learnt from.
    expect(updates.map((update) => update.env_steps)).toEqual([48, 96, 96, 144, 192, 192, 240]);
    // Half of update 1 was collected before update 0, the other half behind it.
    expect(updates.map((update) => update.policy_lag)).toEqual([0, 0.5, 1, 0, 0.5, 1, 0]);
    for (const { index, learning_rate: rate } of updates)
      expect(rate).toBeCloseTo(2e-3 * (1 - (index * 4 * 8) / 240), 12);
  });

  test('have the lag of one unroll more where lanes overlap, and the same bits whatever is faster', async () => {
    const overlapped = await updatesOf([...SIX, 'train.lanes=overlapped']);
    expect(overlapped.map((update) => update.policy_lag)).toEqual([0, 1, 2, 2, 2, 2, 2]);
    const slow = await updatesOf([...SIX, 'train.lanes=overlapped', 'hardware.lanes=threads'], 20);
    expect(slow.map(({ losses }) => losses)).toEqual(overlapped.map(({ losses }) => losses));
  });

  test('of fewer slots than a batch make one update of several unrolls', async () => {
    const updates = await updatesOf(FOUR);
    expect(updates.map((update) => update.env_steps)).toEqual([96, 160, 256, 320]);
    // Columns 0 to 9, 10 to 19, ...: of update 1, two wait since before update 0.
    expect(updates.map((update) => update.policy_lag)).toEqual([0, 0.2, 0, 0.2]);
  });

  const ALL = [
    ...[
      'train.lanes=overlapped',
      'hardware.lanes=threads',
      'train.burnIn=2',
      'algorithm.valueScale.kind=popart',
    ],
    ...['model.core.kind=lstm', 'model.core.modelDim=16'],
  ];
  test.each([
    ['synchronous lanes', SIX, [3, 3]],
    ['overlapping lanes, PopArt, burn-in and an LSTM', [...SIX, ...ALL], [1, 1]],
  ])('go on bit for bit after a stop: %s', async (_, sets, leftOver) => {
    const [whole, stopped] = [newFolder(), newFolder()];
    const end = endOf(await startSmall(tiny(...sets), whole));
    expect(end).toMatchObject({ finished: true, updates: 7, env_steps: 240 });
    const early = await startSmall(tiny(...sets), stopped, {
      onEvent: (event, stop) => event.type === 'update' && event.index === 3 && stop(),
    });
    expect(endOf(early)).toMatchObject({ finished: false, updates: 4, env_steps: 144 });
    expect(leftOverIn(stopped, 4)).toEqual(leftOver);
    const resumed = endOf(await resumeSmall(stopped));
    expect(resumed.parameters_sha256).toBe(end.parameters_sha256);
    expect(course(stopped)).toEqual(course(whole));
    expect(leftOverIn(stopped, 7)).toEqual(leftOverIn(whole, 7));
  });

  test('go on bit for bit after the driver was killed', async () => {
    const [whole, killed] = [newFolder(), newFolder()];
    const sets = [...SIX, 'checkpoint.keep=9'];
    const end = endOf(await startSmall(tiny(...sets), whole));
    const driver = execa(
      process.execPath,
      ['--import', 'tsx', path.join(root, 'test/cli/fixtures/srwm.ts'), 'train', 'tiny']
        .concat(sets.flatMap((set) => ['--set', set]))
        .concat(['--run', killed, '--json']),
      { cwd: root, reject: false, stdin: 'ignore', buffer: false },
    );
    onTestFinished(() => void driver.kill('SIGKILL'));
    const checkpoints = path.join(killed, 'checkpoints');
    await until(() => existsSync(path.join(checkpoints, '000000004')), 200_000);
    driver.kill('SIGKILL');
    await driver;
    // A fast machine may have got further: the checkpoint with columns left over is the one to go on from.
    for (const late of readdirSync(checkpoints).filter((name) => name !== '000000004'))
      rmSync(path.join(checkpoints, late), { recursive: true });
    rmSync(path.join(killed, 'result.json'), { force: true });
    expect(leftOverIn(killed, 4)).toEqual([3, 3]);
    const resumed = await resumeSmall(killed);
    expect(ofType(resumed, 'run_start')[0]).toMatchObject({ updates: 4, env_steps: 144 });
    expect(endOf(resumed).parameters_sha256).toBe(end.parameters_sha256);
    expect(course(killed)).toEqual(course(whole));
  });

  test('are in the checkpoint of a stop behind an unroll that made no update, and scored once', async () => {
    const heard: number[] = [];
    const stop = new AbortController();
    // Asked before each unroll: 6 unrolls are 24 columns, two updates and 4 columns over.
    const own = (stopAt: number): OwnParts => ({
      curriculum: curriculum('listener', 0, ({ state, unroll, episodes }) => {
        if (unroll === stopAt) stop.abort();
        heard.push(...episodes.map(({ score }) => score ?? -1));
        return { state: state + 1, queues: [] };
      }),
    });
    const sets = [...FOUR, 'checkpoint.everyUpdates=2'];
    const run = async (events: AsyncIterable<RunEvent>): Promise<RunEvent[]> => {
      const all: RunEvent[] = [];
      for await (const event of events) all.push(event);
      return all;
    };
    const [whole, stopped] = [newFolder(), newFolder()];
    const never = new AbortController().signal;
    const options = { places, stop: never };
    const end = endOf(
      await run(startRun(tiny(...sets), 'tiny', { ...options, folder: whole, own: own(Infinity) })),
    );
    const once = heard.splice(0);
    expect(once.length).toBeGreaterThan(4);
    const early = await run(
      startRun(tiny(...sets), 'tiny', { ...options, stop: stop.signal, folder: stopped, own: own(5) }),
    );
    expect(ofType(early, 'checkpoint').map(({ env_steps: steps }) => steps)).toEqual([160, 192]);
    expect(endOf(early)).toMatchObject({ updates: 2, env_steps: 192 });
    expect(leftOverIn(stopped, 2)).toEqual([2, 2, 2, 2]);
    // Both are there until the newer one is whole: the older is only removed as one too many.
    expect(readdirSync(path.join(stopped, 'checkpoints')).sort()).toEqual([
      '000000002',
      '000000002.000000006',
    ]);
    const resumed = await run(resumeRun({ ...options, folder: stopped, own: own(Infinity) }));
    expect(ofType(resumed, 'run_start')[0]).toMatchObject({ updates: 2, env_steps: 192 });
    expect(endOf(resumed).parameters_sha256).toBe(end.parameters_sha256);
    expect(course(stopped)).toEqual(course(whole));
    expect(heard).toEqual(once);
    expect(endOf(resumed)).toMatchObject({ finished: true, updates: 4 });
    expect(ofType(rows(stopped, 'orphaned.jsonl'), 'update')).toEqual([]);
  });
});
