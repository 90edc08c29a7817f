/** Every core trains: a few updates of the preset tiny with each. */
import { describe, expect, test } from 'vitest';
import { CORE_KINDS } from '../../../src/models/index.ts';
import {
  course,
  endOf,
  needsPython,
  newFolder,
  ofType,
  python,
  resumeSmall,
  SMALL,
  SMALL_IMPALA,
  startSmall,
  tiny,
} from '../runs/run-fixture.ts';

describe.skipIf(python === null)(`the preset tiny (${needsPython})`, () => {
  // Both training rules meet every kind of state: none, one tensor a layer, several, and two of one layer.
  const rules = { ppo: SMALL, impala: SMALL_IMPALA };
  const cases = CORE_KINDS.map((kind, i) => [i % 2 === 0 ? 'ppo' : 'impala', kind] as const);

  test.each(cases)('trains with %s and core %s', async (rule, kind) => {
    const resolved = tiny(...rules[rule], 'train.totalEnvSteps=192', `model.core.kind=${kind}`);
    const events = await startSmall(resolved, newFolder());
    expect(endOf(events)).toMatchObject({ finished: true, updates: 6, env_steps: 192 });
    const updates = ofType(events, 'update');
    expect(updates).toHaveLength(6);
    for (const { losses, grad_norm } of updates) {
      expect(Number.isFinite(losses['loss'])).toBe(true);
      expect(grad_norm).toBeGreaterThan(0);
    }
  });

  test('resumes to the bit with an lstm that is carried for one unroll', async () => {
    const sets = ['model.core.kind=lstm', 'model.core.modelDim=16', 'model.core.carry=unroll'];
    // Episodes are longer than unrolls, so that the counter of the state matters.
    const resolved = tiny(...SMALL, 'train.totalEnvSteps=384', 'environment.rows=11', ...sets);
    const [whole, stopped] = [newFolder(), newFolder()];
    const end = endOf(await startSmall(resolved, whole));
    await startSmall(resolved, stopped, {
      onEvent: (event, stop) => event.type === 'update' && event.index === 6 && stop(),
    });
    expect(endOf(await resumeSmall(stopped)).parameters_sha256).toBe(end.parameters_sha256);
    expect(course(stopped)).toEqual(course(whole));
  });
});
