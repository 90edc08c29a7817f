import { expect, test } from 'vitest';
import { parseAssignment, presetNamed, resolveConfig, type Config } from '../../../src/config/index.ts';
import { planRecording, type RecordingRequest } from '../../../src/evaluate/index.ts';

function configOf(preset: string, ...sets: string[]): Config {
  return resolveConfig(presetNamed(preset).config(), preset, sets.map(parseAssignment)).config;
}

function refusal(config: Config, request: RecordingRequest): { code: string; message: string } {
  try {
    planRecording(config, request);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('nothing was refused');
}

const procgen = configOf('quickstart', 'environment.games=starpilot,maze', 'environment.startLevel=40');

test('takes what the run says where nothing is asked', () => {
  expect(planRecording(procgen, {})).toEqual({
    games: ['starpilot', 'maze'],
    levels: [40, 41, 42],
    episodes: 3,
    play: ['sampled'],
    state: 'carry',
    numEnvs: 50,
    scale: 4,
    frameMilliseconds: 67,
  });
  expect(planRecording(configOf('tiny'), { episodes: 70 })).toMatchObject({
    games: null,
    levels: null,
    episodes: 70,
    numEnvs: 70,
  });
});

test('takes levels that the run never saw, and levels of a set that has fewer than three', () => {
  expect(planRecording(procgen, { levels: [1000, 3], games: ['maze'] })).toMatchObject({
    games: ['maze'],
    levels: [1000, 3],
  });
  expect(planRecording(configOf('quickstart', 'environment.numLevels=2'), {}).levels).toEqual([0, 1]);
  expect(planRecording(configOf('quickstart', 'environment.numLevels=0'), {}).levels).toEqual([0, 1, 2]);
});

test.each<[string, Config, RecordingRequest, RegExp]>([
  ['a game of another run', procgen, { games: ['bigfish'] }, /starpilot, maze, got "bigfish"/],
  ['no level', procgen, { levels: [] }, /at least one/],
  ['a level twice', procgen, { levels: [1, 2, 1] }, /got 1 twice/],
  ['a level below 0', procgen, { levels: [-1] }, /a level must be a whole number from 0/],
  ['a level beyond the last', procgen, { levels: [2 ** 31 - 1] }, /a level must be a whole number/],
  ['half a level', procgen, { levels: [0.5] }, /got 0.5/],
  ['episodes where there are levels', procgen, { episodes: 3 }, /episodes cannot be chosen here/],
  [
    'levels where there are none',
    configOf('tiny'),
    { levels: [1] },
    /levels cannot be chosen here: .* catch/,
  ],
  ['games where there are none', configOf('tiny'), { games: ['catch'] }, /games cannot be chosen here/],
  ['no episode', configOf('tiny'), { episodes: 0 }, /episodes must be a whole number from 1/],
  ['more slots than a pool has', procgen, { numEnvs: 65537 }, /envs must be a whole number from 1 to 65536/],
  ['more than anybody watches', configOf('tiny'), { episodes: 1001 }, /from 1 to 1000, got 1001/],
  ['no size', procgen, { scale: 0 }, /scale must be a whole number from 1 to 16, got 0/],
  ['no time', procgen, { fps: Number.NaN }, /fps must be a whole number from 1 to 1000, got NaN/],
])('refuses %s', (_, config, request, message) => {
  const error = refusal(config, request);
  expect(error.code).toBe('RECORD_PLAN');
  expect(error.message).toMatch(message);
});
