/** Runs with parts of a person's own: kept, resumed, evaluated, described; refused when the file is not what it was. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { resolveConfig } from '../../../src/config/index.ts';
import { describeConfig, evaluateRun, loadModule, ownPartsOf, startRun } from '../../../src/runs/index.ts';
import type { RunDefinition } from '../../../src/runs/index.ts';
import { ownNames, readRecord } from '../../../src/train/index.ts';
import { course, endOf, needsPython, places, python, rejection, resumeSmall } from './run-fixture.ts';

const FILE = `
import { defineRun, linear, objective, presets, stepCore, tanh } from 'srwm';
const core = stepCore('mine', { size: 6 }, (x, h) => {
  const next = tanh(linear('in', 6)(x).add(h));
  return [next, next];
});
const loss = objective('plain', ({ target, batch }) => {
  const policy = target.logProbability.mul(batch.advantages).mean().neg();
  return { loss: policy.add(target.values.sub(batch.returns).square().mean()), policy };
});
export default defineRun(
  presets.tiny({
    numEnvs: 8,
    totalEnvSteps: 512,
    train: { batchSize: 4, unrollLength: 8 },
    algorithm: { passes: 1 },
    checkpoint: { everyUpdates: 4 },
    evaluation: { atEnd: false, episodes: 8, numEnvs: 8 },
    hardware: { device: 'cpu', threads: 1 },
  }),
  { core, loss },
);
`;

function project(): { readonly file: string; readonly folder: string } {
  const parent = mkdtempSync(path.join(tmpdir(), 'srwm-own-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const file = path.join(parent, 'mine.ts');
  writeFileSync(file, FILE);
  return { file, folder: path.join(parent, 'runs', 'one') };
}

async function begin(file: string, folder: string, stopAfter: number | null) {
  const { config, own } = (await loadModule(file))['default'] as RunDefinition;
  const resolved = resolveConfig(config, 'mine.ts', [], ownNames(own));
  const stop = new AbortController();
  const events = [];
  for await (const event of startRun(resolved, 'mine', {
    folder,
    places,
    stop: stop.signal,
    own,
    ownFile: file,
  })) {
    events.push(event);
    if (event.type === 'update' && event.index === stopAfter) stop.abort();
  }
  return { events, resolved, own };
}

test.skipIf(python === null)(
  `a run with an own core and loss goes on bit for bit (${needsPython})`,
  async () => {
    const { file, folder } = project();
    const whole = await begin(file, folder, null);
    expect(Object.keys((course(folder)[0] as { losses: object }).losses)).toEqual(['loss', 'policy']);
    const half = path.join(path.dirname(folder), 'two');
    await begin(file, half, 5);
    const resumed = await resumeSmall(half);
    expect(endOf(resumed).parameters_sha256).toBe(endOf(whole.events).parameters_sha256);
    expect(course(half)).toEqual(course(folder));

    // What the folder says, and what can be done with it later.
    const record = readRecord(folder);
    expect(record.own).toMatchObject({ parts: ['core', 'loss'], file: '../../mine.ts', copy: 'own/mine.ts' });
    expect(readFileSync(path.join(folder, 'own/mine.ts'), 'utf8')).toBe(FILE);
    expect(existsSync(path.join(folder, 'graphs/plain.txt'))).toBe(true);
    const description = describeConfig(whole.resolved, await ownPartsOf(folder, record));
    expect(description.parameters.modules.map(({ name }) => name)).toContain('mine/in/weight');
    const options = {
      folder,
      places,
      splits: ['train'],
      episodes: 8,
      play: ['greedy'],
      baselines: false,
    } as const;
    const report = await evaluateRun({ ...options, signal: new AbortController().signal });
    expect(report.splits[0]?.games[0]?.episodes).toBeGreaterThanOrEqual(8);

    appendFileSync(file, '// changed');
    expect(
      await rejection(resumeSmall(half.replace('two', 'one')).then(() => ownPartsOf(folder, record))),
    ).toMatchObject({
      code: 'RUN_OWN_PARTS',
      message: expect.stringMatching(/core and loss of ".*mine.ts", which has changed since/) as string,
      remedy: expect.stringMatching(/^Put it back: cp ".*own\/mine.ts" ".*mine.ts"/) as string,
    });
    rmSync(file);
    expect(await rejection(evaluateRun({ ...options, signal: new AbortController().signal }))).toMatchObject({
      code: 'RUN_OWN_PARTS',
      message: expect.stringContaining('which is gone') as string,
    });
  },
);
