import { describe, expect, test } from 'vitest';
import { presetNamed, resolveConfig, parseAssignment, type Config } from '../../../src/config/index.ts';
import { planEvaluation, type Split } from '../../../src/evaluate/index.ts';
import { planOf } from '../../../src/runs/index.ts';

function config(preset: string, ...sets: readonly string[]): Config {
  return resolveConfig(presetNamed(preset).config(), preset, sets.map(parseAssignment)).config;
}
const easy = config('procgen-easy');

describe('a plan', () => {
  test('is the ledger over training and unseen levels, sampled and greedy, unless something else is asked for', () => {
    const plan = planEvaluation(easy, {});
    expect(plan).toMatchObject({
      protocol: 'ledger',
      play: ['sampled', 'greedy'],
      state: 'carry',
      warnings: [],
    });
    expect(plan.splits).toEqual([
      { name: 'train', range: { start: 0, count: 200 } },
      { name: 'unseen', range: { start: 1000, count: 200 } },
    ]);
    // Game by game; whole episodes of six games at once need a multiple of six.
    expect(plan.numEnvs).toBe(50);
    expect(planEvaluation(easy, { protocol: 'episodes' }).numEnvs).toBe(48);
  });

  test("is the released code's test with the protocol of the paper: one slot a game, greedy, three test splits", () => {
    const plan = planEvaluation(easy, { protocol: 'paper' });
    expect(plan).toMatchObject({ numEnvs: 6, episodes: 200, play: ['greedy'], warnings: [] });
    expect(plan.splits).toEqual([
      { name: 'train', range: { start: 0, count: 200 } },
      { name: 'test-1', range: { start: 1000, count: 200 } },
      { name: 'test-2', range: { start: 1200, count: 200 } },
      { name: 'test-3', range: { start: 1400, count: 200 } },
    ]);
    const memory = planEvaluation(config('procgen-memory'), { protocol: 'paper' });
    expect(memory.splits[0]).toEqual({ name: 'train', range: { start: 0, count: 500 } });
  });

  test('warns where what a slot remembers of other levels goes into each', () => {
    const kept = config('procgen-easy', 'model.core.kind=delta_delta', 'model.core.carry=run');
    expect(planEvaluation(kept, {}).warnings).toEqual([
      expect.stringMatching(/model\.core\.carry is run: .* depend on the order of levels/) as string,
    ]);
    expect(planEvaluation(kept, { protocol: 'paper' }).warnings).toEqual([]);
  });

  test('takes ranges of levels as splits, both ends included', () => {
    const { splits } = planEvaluation(easy, { splits: ['3000-3000', '0-49'] });
    expect(splits.map(({ range }) => range)).toEqual([
      { start: 3000, count: 1 },
      { start: 0, count: 50 },
    ]);
  });

  test('of an environment without levels is of whole episodes', () => {
    const plan = planEvaluation(config('tiny'), {});
    expect(plan).toMatchObject({ protocol: 'episodes', splits: [{ name: 'train', range: null }] });
    const exploration = [
      'environment.distributionMode=exploration',
      'environment.games=coinrun',
      'environment.numLevels=0',
    ];
    expect(planEvaluation(config('quickstart', ...exploration), {}).protocol).toBe('episodes');
  });

  test('warns of every split that holds training levels, by name', () => {
    const overlapping = config('procgen-easy', 'environment.startLevel=1150', 'environment.numLevels=100');
    expect(planEvaluation(overlapping, { protocol: 'paper' }).warnings).toEqual([
      'split test-1 is not unseen: 50 of its 200 levels (1150 to 1199) are among those that the run trained on',
      'split test-2 is not unseen: 50 of its 200 levels (1200 to 1249) are among those that the run trained on',
    ]);
    const every = config('procgen-easy', 'environment.numLevels=0');
    expect(planEvaluation(every, {}).warnings).toEqual([
      'split unseen is not unseen: 200 of its 200 levels (1000 to 1199) are among those that the run trained on',
    ]);
    // A ledger of every level there is plays the first ones; drawn from all of them, those of training are rare.
    const endless = config('procgen-easy', 'evaluation.unseenNumLevels=0', 'evaluation.unseenStartLevel=150');
    expect(planEvaluation(endless, {}).warnings).toEqual([
      'split unseen is not unseen: 50 of its 200 levels (150 to 199) are among those that the run trained on',
    ]);
    expect(planEvaluation(endless, { protocol: 'episodes' }).warnings).toEqual([]);
  });

  test.each([
    ['protocol ledger', 'tiny', { protocol: 'ledger' as const }],
    ['protocol paper', 'tiny', { protocol: 'paper' as const }],
    ['split unseen', 'tiny', { splits: ['unseen' as const] }],
    ['"bogus"', 'quickstart', { splits: ['bogus' as Split] }],
    ['"9-3"', 'quickstart', { splits: ['9-3' as const] }],
    ['from 1 to 65536, got 65537', 'tiny', { numEnvs: 65537 }],
    ['from 1 to 65536, got 0', 'quickstart', { numEnvs: 0 }],
    ['"0-2147483647"', 'quickstart', { splits: ['0-2147483647' as const] }],
  ])('refuses %s of %s', (part, preset, request) => {
    let caught: unknown;
    try {
      planEvaluation(config(preset), request);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: 'EVALUATE_PLAN', message: expect.stringContaining(part) as string });
  });

  test('refuses to reset the state of a core that has none, before anything starts', () => {
    const stateless = config('tiny', 'model.core.kind=feed_forward');
    expect(() => planOf(stateless, { state: 'unroll' }, {})).toThrow(/needs a core that carries a state/);
    expect(planOf(config('tiny'), { state: 'unroll' }, {}).state).toBe('unroll');
  });
});
