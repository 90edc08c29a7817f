import { describe, expect, test } from 'vitest';
import { parseAssignment, presets } from '../../../src/config/index.ts';
import { stepCore } from '../../../src/models/index.ts';
import { defineRun } from '../../../src/runs/index.ts';
import { defineSweep, planSweep, type SweepDefinition } from '../../../src/sweeps/index.ts';

const tiny = presets.tiny();

describe('a plan', () => {
  test('has every combination of runs, grid and seeds, and their configs', () => {
    const planned = planSweep({
      runs: { a: tiny, b: presets.tiny({ totalEnvSteps: 640 }) },
      grid: { 'model.core.kind': ['srwm', 'feed_forward'], 'train.learningRate': [1e-3] },
      seeds: [1, 2],
    });
    expect(planned.map(({ name }) => name)).toEqual([
      'a,core=srwm,learningRate=0.001,seed=1',
      'a,core=srwm,learningRate=0.001,seed=2',
      'a,core=feed_forward,learningRate=0.001,seed=1',
      'a,core=feed_forward,learningRate=0.001,seed=2',
      'b,core=srwm,learningRate=0.001,seed=1',
      'b,core=srwm,learningRate=0.001,seed=2',
      'b,core=feed_forward,learningRate=0.001,seed=1',
      'b,core=feed_forward,learningRate=0.001,seed=2',
    ]);
    const last = planned.at(-1);
    expect(last?.group).toBe('b,core=feed_forward,learningRate=0.001');
    expect(last?.resolved.config).toMatchObject({
      seed: 2,
      train: { totalEnvSteps: 640, learningRate: 1e-3 },
      model: { core: { kind: 'feed_forward' } },
    });
    expect(last?.resolved.sources['train.learningRate']).toBe('grid train.learningRate');
  });

  test('keeps the names that it had when it grows', () => {
    const names = (definition: SweepDefinition): string[] => planSweep(definition).map(({ name }) => name);
    const before = names({ runs: { tiny }, grid: { 'train.learningRate': [1e-3] }, seeds: [1, 2] });
    const after = names({
      runs: { other: tiny, tiny },
      grid: { 'train.learningRate': [1e-2, 1e-3] },
      seeds: [3, 1, 2],
    });
    expect(after).toEqual(expect.arrayContaining(before));
  });

  test('names a seed by the config where none is given, and whole keys where short ones are alike', () => {
    const [one] = planSweep({
      runs: { tiny: presets.tiny({ seed: 7 }) },
      grid: { 'evaluation.numEnvs': [10], 'environment.numEnvs': [32] },
    });
    expect(one?.name).toBe('tiny,evaluation.numEnvs=10,environment.numEnvs=32,seed=7');
  });

  test('gives own parts to every copy', () => {
    const core = stepCore('leaky', { size: 4 }, (x, h) => [h, h.add(x.mean())]);
    const planned = planSweep({ runs: { own: defineRun(tiny, { core }) }, seeds: [1, 2] });
    expect(planned.map(({ own }) => own.core)).toEqual([core, core]);
  });

  test('sets what the command line says before the grid', () => {
    const sets = ['train.learningRate=0.5', 'train.totalEnvSteps=64'].map(parseAssignment);
    const [one] = planSweep({ runs: { tiny }, grid: { 'train.learningRate': [1e-3] } }, sets);
    expect(one?.resolved.config.train).toMatchObject({ learningRate: 1e-3, totalEnvSteps: 64 });
  });
});

describe('what is no sweep', () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['nothing', null, 'must be an object'],
    ['no runs', { runs: {} }, 'runs must be configs'],
    ['a list of runs', { runs: [tiny] }, 'runs must be configs'],
    ['a path as a name', { runs: { '../x': tiny } }, 'a name of runs must consist of letters'],
    ['a run that is none', { runs: { a: 3 } }, 'runs.a must be a config'],
    ['an unknown key', { runs: { tiny }, seed: [1] }, 'keys must be of runs, grid, seeds, jobs, got "seed"'],
    ['a grid of a value', { runs: { tiny }, grid: { seed: 3 } }, 'grid["seed"] must be a list'],
    ['an empty list', { runs: { tiny }, grid: { seed: [] } }, 'at least one value'],
    ['a value twice', { runs: { tiny }, grid: { seed: [1, 1] } }, 'hold each value once'],
    [
      'seeds in two places',
      { runs: { tiny }, grid: { seed: [1] }, seeds: [2] },
      'seeds must stand in one place',
    ],
    ['a seed twice', { runs: { tiny }, seeds: [1, 1] }, 'hold each seed once'],
    ['no number of jobs', { runs: { tiny }, jobs: NaN }, 'jobs must be a positive integer, got NaN'],
    ['seeds in no list', { runs: { tiny }, seeds: 3n }, 'seeds must be a list, not empty, got 3'],
    ['half a job', { runs: { tiny }, jobs: 0.5 }, 'jobs must be a positive integer'],
  ];
  test.each(cases)('%s', (_, definition, words) => {
    expect(() => defineSweep(definition as SweepDefinition)).toThrow(
      expect.objectContaining({ code: 'SWEEP_INVALID', message: expect.stringContaining(words) }) as Error,
    );
  });

  test('two runs of one name', () => {
    const runs = { maze: presets.quickstart() };
    expect(() => planSweep({ runs, grid: { 'environment.games': [['maze'], 'maze'] } })).toThrow(
      'every run must differ from the others in its name, got "maze,games=maze,seed=1"',
    );
  });

  test('a key that no config has, by its place in the grid', () => {
    expect(() => planSweep({ runs: { tiny }, grid: { 'train.learningrate': [1] } })).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNKNOWN_KEY' }) as Error,
    );
  });

  test('more runs than anybody means', () => {
    const seeds = [...Array(200).keys()];
    expect(() => planSweep({ runs: { tiny }, grid: { 'train.learningRate': seeds }, seeds })).toThrow(
      'at most 10000 runs',
    );
  });
});
