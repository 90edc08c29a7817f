import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Worker } from '../../../bridge/client/index.ts';
import { evaluateRun } from '../../../src/runs/index.ts';
import type { EvaluationRecord } from '../../../src/metrics/index.ts';
import {
  course,
  endOf,
  needsPython,
  newFolder,
  ofType,
  places,
  python,
  rejection,
  resumeSmall,
  SMALL,
  startSmall,
  tiny,
} from './run-fixture.ts';

const options = { places, baselines: false, signal: new AbortController().signal };

test.skipIf(python === null)(
  `an evaluation in the middle of a run changes nothing of it (${needsPython})`,
  { timeout: 300_000 },
  async () => {
    const [whole, half] = [newFolder(), newFolder()];
    const expected = await startSmall(tiny(...SMALL), whole);
    let updates = 0;
    await startSmall(tiny(...SMALL), half, {
      onEvent: (event, stop) => {
        if (event.type === 'update' && ++updates === 6) stop();
      },
    });
    const report = await evaluateRun({
      ...options,
      folder: half,
      episodes: 8,
      play: ['sampled'],
      baselines: true,
    });
    const resumed = await resumeSmall(half);
    expect(endOf(resumed).parameters_sha256).toBe(endOf(expected).parameters_sha256);
    expect(course(half)).toEqual(course(whole));
    expect(ofType(resumed, 'update').length).toBeGreaterThan(0);

    // The report, and what its file has beside it: every episode.
    expect(report).toMatchObject({ protocol: 'episodes', state: 'carry', normalization: null, warnings: [] });
    expect(report.splits.map(({ name }) => name)).toEqual(['train/sampled', 'train/random']);
    expect(readdirSync(path.join(half, 'evaluations'))).toEqual([path.basename(report.file)]);
    const record = JSON.parse(readFileSync(report.file, 'utf8')) as EvaluationRecord;
    const { file: _file, ...printed } = report;
    expect(record).toMatchObject(printed);
    const rows = record.rows['train/sampled'] ?? [];
    const [game] = report.splits[0]?.games ?? [];
    expect(rows).toHaveLength(game?.episodes ?? 0);
    expect(rows.reduce((sum, row) => sum + row.episode_return, 0) / rows.length).toBeCloseTo(
      game?.mean_return ?? NaN,
      12,
    );
    expect(game?.completed).toBe(rows.filter(({ completed }) => completed).length / rows.length);

    // What does not fit the run is refused before a worker starts.
    const nowhere = { ...options, folder: half, places: { ...places, python: '/nonexistent' } };
    expect(await rejection(evaluateRun({ ...nowhere, protocol: 'ledger' }))).toMatchObject({
      code: 'EVALUATE_PLAN',
    });
    expect(await rejection(evaluateRun({ ...nowhere, splits: ['test-1'] }))).toMatchObject({
      code: 'EVALUATE_PLAN',
    });
  },
);

test.skipIf(python === null)(
  `a checkpoint that the run removes while it is being read gives way to a newer one (${needsPython})`,
  { timeout: 300_000 },
  async () => {
    const folder = newFolder();
    await startSmall(tiny(...SMALL), folder);
    const checkpoints = path.join(folder, 'checkpoints');
    const newest = path.join(checkpoints, readdirSync(checkpoints).sort().at(-1) ?? '');
    const call = Worker.prototype.call;
    const spy = vi.spyOn(Worker.prototype, 'call').mockImplementation(function (this: Worker, ...request) {
      // What training does between two checkpoints: a new folder, then the old one goes.
      if (request[0] === 'restore' && existsSync(newest))
        renameSync(newest, path.join(checkpoints, '000000999'));
      return call.apply(this, request);
    });
    onTestFinished(() => spy.mockRestore());
    const report = await evaluateRun({ ...options, folder, episodes: 8, play: ['greedy'] });
    expect(report.update).toBe(20);
    expect(spy.mock.calls.filter(([verb]) => verb === 'restore')).toHaveLength(2);
  },
);
