import { describe, expect, test } from 'vitest';
import {
  needsPython,
  newFolder,
  ofType,
  places,
  python,
  rows,
  SMALL,
  startSmall,
  tiny,
} from './run-fixture.ts';

const SHORT = [...SMALL, 'train.totalEnvSteps=64'];

describe.skipIf(python === null)(`a run with a worker (${needsPython})`, { timeout: 90_000 }, () => {
  test('says which implementation acts and which one learns', async () => {
    const folder = newFolder();
    const events = await startSmall(tiny(...SHORT), folder);
    const { kernels } = ofType(rows(folder), 'run_start')[0] ?? { kernels: [] };
    expect(kernels.map(({ op }) => op).sort()).toEqual(['srwm', 'srwm_step']);
    const slow = kernels.filter(({ implementation }) => implementation === 'reference');
    expect(ofType(events, 'warning')).toHaveLength(slow.length);
  });

  test('says so where the slow reference serves, once for each op, with the reason', async () => {
    const environment = { ...places.environment, CXX: 'no-such-compiler', SRWM_CACHE: newFolder() };
    const watch = { places: { ...places, environment } };
    const events = await startSmall(tiny(...SHORT), newFolder(), watch);
    const messages = ofType(events, 'warning').map(({ message }) => message);
    expect(messages.sort()).toEqual([
      expect.stringMatching(/^kernels: the slow reference serves srwm: .*no C\+\+ compiler found/),
      expect.stringMatching(/^kernels: the slow reference serves srwm_step: .*no C\+\+ compiler found/),
    ]);
  });
});
