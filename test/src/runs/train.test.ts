/** `train` from a script: iterated, awaited, or both; and the loops that keep no folder. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { catchGame, presets } from '../../../src/config/index.ts';
import { parameter, tensorSpec, trace, zeros } from '../../../src/graph/index.ts';
import { constant } from '../../../src/nn/index.ts';
import { objective } from '../../../src/objectives/index.ts';
import { defineRun, impala, ppo, resumeRun, train } from '../../../src/runs/index.ts';
import { gradientTransform, mapTensors, type Update } from '../../../src/train/index.ts';
import { needsPython, newFolder, places, python, rejection } from './run-fixture.ts';

const hardware = { device: 'cpu', threads: 1 } as const;
const config = presets.tiny({
  numEnvs: 8,
  totalEnvSteps: 128,
  train: { batchSize: 4, unrollLength: 8 },
  algorithm: { passes: 1 },
  evaluation: { atEnd: false, episodes: 8, numEnvs: 8 },
  hardware,
});

test.skipIf(python === null)(`a run is awaited for its result and evaluated (${needsPython})`, async () => {
  const folder = newFolder();
  const seen: string[] = [];
  const indices: number[] = [];
  const run = train(config, {
    folder,
    onEvent: ({ type }) => seen.push(type),
    onUpdate: ({ index }) => indices.push(index),
  });
  expect(run.folder).toBe(path.resolve(folder));
  const result = await run;
  expect(result).toMatchObject({ run: folder, updates: 4, env_steps: 128, finished: true, evaluation: null });
  expect(result.parameters_sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(seen).toEqual(['run_start', 'update', 'update', 'update', 'update', 'checkpoint', 'run_end']);
  expect(indices).toEqual([0, 1, 2, 3]);
  // A second await asks for the same end.
  expect((await run).parameters_sha256).toBe(result.parameters_sha256);
  const report = await result.evaluate({ play: ['greedy'], episodes: 8 });
  expect(report.splits.map(({ name }) => name)).toEqual(['train/greedy']);
});

test.skipIf(python === null)(
  `a run that is left has no result, and can be gone on with (${needsPython})`,
  async () => {
    const run = train(config, { folder: newFolder() });
    for await (const { type } of run) if (type === 'update') break;
    expect(await rejection(Promise.resolve(run))).toMatchObject({ code: 'RUN_ABANDONED' });
    // Parts of a script's own cannot be found again from the folder alone.
    const loss = objective('mine', ({ target }) => ({ loss: target.values.square().mean() }));
    const folder = newFolder();
    for await (const { type } of train(defineRun(config, { loss }), { folder }))
      if (type === 'run_start') break;
    const resumed = resumeRun({ folder, places, stop: new AbortController().signal });
    expect(await rejection(resumed.next())).toMatchObject({
      code: 'RUN_OWN_PARTS',
      remedy: expect.stringContaining('srwm train file.ts') as string,
    });
  },
);

test.skipIf(python === null)(`loops yield every update and return the end (${needsPython})`, async () => {
  const settings = {
    env: catchGame({ numEnvs: 8 }),
    totalEnvSteps: 128,
    batchSize: 4,
    unrollLength: 8,
    seed: 1,
    model: { core: { kind: 'feed_forward' } },
    hardware,
  } as const;
  const updates: Update[] = [];
  const loop = impala(settings);
  for (;;) {
    const { done, value } = await loop.next();
    if (done === true) {
      expect(value).toMatchObject({ updates: 4, env_steps: 128, finished: true });
      break;
    }
    updates.push(value);
  }
  expect(updates.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  expect(Object.keys(updates[0]?.losses ?? {})).toEqual(['loss', 'policy_loss', 'baseline_loss', 'entropy']);
  const fixed = objective('fixed', ({ batch }) => ({ loss: batch.returns.mean() }));
  expect(await rejection(ppo({ ...settings, loss: fixed }).next())).toMatchObject({
    code: 'GRAPH_NO_GRADIENT',
    message: expect.stringMatching(/train\.test\.ts:\d+:\d+/) as string,
  });
  // The transform stands before the clip: with halved gradients the norm of the same first update is halved.
  const gradients = gradientTransform('half', ({ gradients: all }) => mapTensors(all, (one) => one.mul(0.5)));
  for await (const halved of impala({ ...settings, gradients })) {
    expect(halved.losses).toEqual(updates[0]?.losses);
    expect(halved.grad_norm).toBeCloseTo((updates[0]?.grad_norm ?? 0) / 2, 5);
    break;
  }
});

test.each<[string, () => unknown, string]>([
  ['no gradients', () => undefined, 'must return gradients by parameter name, got undefined'],
  ['one tensor', () => zeros([2]), 'must return gradients by parameter name, got a tensor'],
  ['a number', () => ({ w: 1 }), 'the gradient of "w" must be a tensor, got 1'],
])('a transform that returns %s is refused at its line', (_, program, message) => {
  const loss = trace('loss', { x: tensorSpec([2]) }, ({ x }) => ({
    loss: x.mul(parameter('w', [2], constant(1))).mean(),
  }));
  const wrong = gradientTransform('wrong', program as never);
  expect(() => wrong.graphFor(loss)).toThrow(message);
  expect(() => wrong.graphFor(loss)).toThrow(/at test\/src\/runs\/train\.test\.ts:\d+/);
});
