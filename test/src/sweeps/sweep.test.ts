import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAssignment, presets } from '../../../src/config/index.ts';
import { stepCore } from '../../../src/models/index.ts';
import { defineRun } from '../../../src/runs/index.ts';
import { planSweep, runSweep, type PlannedRun, type SweepReport } from '../../../src/sweeps/index.ts';
import {
  endOf,
  needsPython,
  newFolder,
  places,
  python,
  SMALL,
  startSmall,
  tiny,
} from '../runs/run-fixture.ts';

const SETS = SMALL.map(parseAssignment);

function planOf(seeds: readonly number[], extra: readonly string[] = []): PlannedRun[] {
  return planSweep({ runs: { tiny: presets.tiny() }, seeds }, [...SETS, ...extra.map(parseAssignment)]);
}

function go(
  planned: readonly PlannedRun[],
  folder: string,
  watch: Partial<Parameters<typeof runSweep>[1]> = {},
): Promise<SweepReport> {
  return runSweep(planned, { folder, places, jobs: 2, stop: new AbortController().signal, ...watch });
}

describe.skipIf(python === null)(`a sweep (${needsPython})`, () => {
  test('trains the same bits as its runs alone, and puts seeds together', async () => {
    const folder = newFolder();
    const report = await go(planOf([3, 4]), folder);
    expect(report.runs.map(({ name, status }) => [name, status])).toEqual([
      ['tiny,seed=3', 'finished'],
      ['tiny,seed=4', 'finished'],
    ]);
    const alone = endOf(await startSmall(tiny(...SMALL, 'seed=4'), newFolder()));
    expect(report.runs[1]?.parameters_sha256).toBe(alone.parameters_sha256);
    const [group] = report.groups;
    expect(group).toMatchObject({ name: 'tiny', seeds: [3, 4] });
    const means = report.runs.map(({ episode_return }) => episode_return?.mean ?? NaN);
    const training = group?.measures.find(({ name }) => name === 'training');
    expect(training?.seeds).toBe(2);
    expect(training?.mean).toBeCloseTo(((means[0] ?? NaN) + (means[1] ?? NaN)) / 2, 12);
    const kept = JSON.parse(readFileSync(path.join(folder, 'sweep.json'), 'utf8')) as SweepReport;
    expect(kept.groups).toEqual(report.groups);
    // A run of another config under the same name must not be counted as this one.
    await expect(go(planOf([3], ['train.learningRate=0.5']), folder)).rejects.toMatchObject({
      code: 'SWEEP_CHANGED',
      message: expect.stringContaining('train.learningRate (0.002 there, 0.5 here)') as string,
    });
  });

  test('stopped, goes on to the end that it would have had', async () => {
    const folder = newFolder();
    const stop = new AbortController();
    const first = await go(planOf([5, 6]), folder, {
      jobs: 1,
      stop: stop.signal,
      onEvent: (_, event) => {
        if (event.type === 'update' && event.index === 3) stop.abort();
      },
    });
    expect(first.runs.map(({ status }) => status)).toEqual(['stopped', 'waiting']);
    expect(first.groups[0]?.measures).toEqual([]);
    const begun: string[] = [];
    const onEvent = ({ name }: PlannedRun, { type }: { readonly type: string }): void => {
      if (type === 'run_start') begun.push(name);
    };
    const second = await go(planOf([5, 6]), folder, { onEvent });
    expect(second.runs.map(({ status }) => status)).toEqual(['finished', 'finished']);
    const whole = await go(planOf([5]), newFolder());
    expect(second.runs[0]?.parameters_sha256).toBe(whole.runs[0]?.parameters_sha256);
    // A third time there is nothing to do, and a new seed is all that is trained.
    begun.length = 0;
    await go(planOf([5, 6, 7]), folder, { onEvent });
    expect(begun).toEqual(['tiny,seed=7']);
  });

  test('a run that fails stands in the table and does not end the others', async () => {
    const folder = newFolder();
    const broken = stepCore('broken', { size: 4 }, (x, h) => [h, h.matmul(x)]);
    const planned = planSweep(
      { runs: { broken: defineRun(presets.tiny(), { core: broken }), tiny: presets.tiny() } },
      SETS,
    );
    const report = await go(planned, folder, { jobs: 1 });
    expect(report.runs.map(({ status }) => status)).toEqual(['failed', 'finished']);
    expect(report.runs[0]?.error).toMatchObject({ code: 'GRAPH_SHAPE' });
  });
});

test('a folder that is a run is no folder for a sweep', async () => {
  const folder = newFolder();
  const missing = { ...places, python: '/does/not/exist' };
  await expect(go([], path.dirname(folder), { places: missing })).resolves.toMatchObject({ runs: [] });
  writeFileSync(path.join(path.dirname(folder), 'config.json'), '{}');
  await expect(go([], path.dirname(folder))).rejects.toMatchObject({ code: 'RUN_EXISTS' });
  expect(existsSync(folder)).toBe(false);
});
