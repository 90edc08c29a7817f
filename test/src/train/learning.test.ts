import { describe, expect, test } from 'vitest';
import { endOf, needsPython, newFolder, ofType, python, startSmall, tiny } from '../runs/run-fixture.ts';

const MEASURED = ['evaluation.episodes=100', 'evaluation.play=sampled', 'hardware.device=cpu'];

/** Mean returns of the agent as it plays when trained, and of a policy that acts at random. */
async function returnsOf(...sets: readonly string[]) {
  const events = await startSmall(tiny(...MEASURED, ...sets), newFolder());
  expect(endOf(events).finished).toBe(true);
  const splits = ofType(events, 'evaluation')[0]?.splits ?? [];
  const of = (name: string) => splits.find((split) => split.name === name)?.games[0];
  return { sampled: of('train/sampled'), random: of('train/random') };
}

describe.skipIf(python === null)(`an agent with a worker (${needsPython})`, () => {
  test('learns to catch the ball with the preset tiny, on a third of its steps', async () => {
    const { sampled, random } = await returnsOf('train.totalEnvSteps=16384');
    expect(sampled?.episodes).toBe(100);
    expect(sampled?.mean_return).toBeGreaterThanOrEqual(0.9);
    expect(random?.mean_return).toBeLessThan(0);
  });

  test('does not learn to catch the ball when its images are black', async () => {
    const { sampled } = await returnsOf('train.totalEnvSteps=12288', 'environment.blank=true');
    expect(sampled?.mean_return).toBeLessThan(0.5);
  });

  test('learns to catch the ball with V-trace, which takes each unroll once', async () => {
    const { sampled, random } = await returnsOf(
      'train.totalEnvSteps=24576',
      'algorithm.kind=impala',
      'algorithm.reduction=mean',
      'algorithm.discount=0.95',
      'algorithm.normalizeAdvantages=true',
      'train.learningRate=3e-3',
      'train.schedule.kind=constant',
    );
    expect(sampled?.mean_return).toBeGreaterThanOrEqual(0.8);
    expect(sampled?.ci95[0]).toBeGreaterThan(random?.ci95[1] ?? 1);
  });
});
