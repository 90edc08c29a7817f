/** Runs on Gymnasium environments: they resume bit for bit, and survive what their environments do. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encoders, parseAssignment, presetNamed, resolveConfig } from '../../../src/config/index.ts';
import { askSpaces } from '../../../src/runs/index.ts';
import { requireReadable, scaleWarnings } from '../../../src/train/spaces.ts';
import { course, endOf, newFolder, ofType, rejection, resumeSmall, startSmall } from './run-fixture.ts';
import { needsPython, places, python } from './run-fixture.ts';

const WALK = 'environment.env=./test/envs/fixtures/walk.py:Walk';
const SMALL = [
  'environment.numEnvs=8',
  'train.unrollLength=8',
  'train.totalEnvSteps=640',
  'algorithm.passes=1',
  'checkpoint.everyUpdates=4',
  'evaluation.atEnd=false',
];

function cartpole(...sets: readonly string[]) {
  return resolveConfig(presetNamed('cartpole').config(), 'preset cartpole', sets.map(parseAssignment));
}

it('a file that is not there leaves no run behind', async () => {
  const folder = newFolder();
  const gone = startSmall(cartpole('environment.env=./gone.py:Walk', ...SMALL), folder);
  expect(await rejection(gone)).toMatchObject({
    code: 'ENV_IMPORT',
    message: expect.stringContaining('./gone.py:Walk') as string,
  });
  expect(existsSync(folder)).toBe(false);
});

describe.skipIf(python === null)(`runs on Gymnasium environments (${needsPython})`, () => {
  it('resume bit for bit, in the middle of episodes', async () => {
    const resolved = cartpole('model.core.kind=srwm', ...SMALL);
    const [whole, stopped] = [newFolder(), newFolder()];
    const end = endOf(await startSmall(resolved, whole));
    await startSmall(resolved, stopped, {
      onEvent: (event, stop) => event.type === 'update' && event.index === 8 && stop(),
    });
    const resumed = await resumeSmall(stopped);
    expect(endOf(resumed).parameters_sha256).toBe(end.parameters_sha256);
    expect(course(stopped)).toEqual(course(whole));
    expect(ofType(resumed, 'warning').filter(({ code }) => code !== undefined)).toEqual([]);
    expect(ofType(resumed, 'update').at(-1)?.episode_return).not.toBeNull();
  });

  it('say of the faults of an evaluation as well', async () => {
    const failing = 'environment.kwargs={"fails_in_reset":[2],"length":4,"num_actions":2}';
    const evaluated = [
      'evaluation.atEnd=true',
      'evaluation.episodes=24',
      'evaluation.numEnvs=8',
      'evaluation.play=["greedy"]',
    ];
    const sets = [WALK, failing, ...SMALL, 'train.totalEnvSteps=64', ...evaluated];
    const events = await startSmall(cartpole(...sets), newFolder());
    const [{ warnings, splits } = { warnings: [], splits: [] }] = ofType(events, 'evaluation');
    expect(new Set(warnings.map((warning) => /slot \d/.exec(warning)?.[0])).size).toBe(8);
    for (const warning of warnings) expect(warning).toMatch(/^ENV_RAISED .*no episode 2 at .*walk\.py:\d+/);
    // 32 steps are eight episodes of four, and a new environment fails in its third: four faults a slot, in the
    // agent's evaluation and in that of the random policy beside it.
    expect(warnings).toHaveLength(2 * 8 * 4);
    expect(splits[0]?.games[0]?.episodes).toBe(24);
  });

  it('go on after a fault of an environment, and say so with a code and the line', async () => {
    const failing = 'environment.kwargs={"fails_in_reset":[2],"length":4,"num_actions":2}';
    const events = await startSmall(
      cartpole(WALK, failing, ...SMALL, 'train.totalEnvSteps=192'),
      newFolder(),
    );
    const faults = ofType(events, 'warning');
    expect(new Set(faults.map(({ message }) => /slot \d/.exec(message)?.[0])).size).toBe(8);
    for (const { code, message } of faults) {
      expect(code).toBe('ENV_RAISED');
      expect(message).toMatch(
        /slot \d, episode \d+: reset raised RuntimeError: no episode 2 at .*walk\.py:\d+/,
      );
    }
    expect(endOf(events).finished).toBe(true);
  });

  it('end with the code of what happens again and again', async () => {
    const never = 'environment.kwargs.fails_in_reset=[0,1,2]';
    const error: unknown = await rejection(startSmall(cartpole(WALK, never, ...SMALL), newFolder()));
    expect(error).toMatchObject({
      code: 'ENV_RAISED',
      message: expect.stringContaining('(3 faults in a row)') as string,
    });
  });

  it('are described by asking the environment', async () => {
    const { config } = cartpole(WALK);
    const spaces = await askSpaces(config, async () => places, new AbortController().signal);
    expect(spaces).toMatchObject({
      observationShape: [2],
      observationDtype: 'float32',
      numActions: 16,
      truncates: true,
    });
  });
});

describe('a network and what it is shown', () => {
  const { model } = cartpole().config;
  const numbers = { observationShape: [4], observationDtype: 'float32' as const, numActions: 2 };
  const image = { observationShape: [12, 8, 3], observationDtype: 'uint8' as const, numActions: 2 };
  const patches = { ...model, encoder: { ...encoders.patch_conv, patch: 8 } };

  it('must fit', () => {
    expect(() => requireReadable(model, numbers)).not.toThrow();
    expect(() => requireReadable(model, image)).not.toThrow();
    expect(() => requireReadable(patches, numbers)).toThrow(
      'must be mlp for observations that are no images',
    );
    expect(() => requireReadable(patches, image)).toThrow(
      'must be multiples of its patches (8), got [12, 8, 3]',
    );
    expect(() => requireReadable(patches, { ...image, observationShape: [16, 8, 3] })).not.toThrow();
  });

  it('are warned of when pixels are scaled like other numbers, or the other way round', () => {
    expect(scaleWarnings(model, numbers)).toEqual([]);
    expect(scaleWarnings({ ...model, encoder: encoders.mlp }, image)).toEqual([]);
    expect(scaleWarnings(model, image)[0]).toContain(
      'scale is 1, but observations are uint8: set it to 1/255',
    );
    expect(scaleWarnings({ ...model, encoder: encoders.mlp }, numbers)[0]).toContain('set it to 1 unless');
  });
});
