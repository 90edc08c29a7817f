/** The learning rate over the budget of a run. */
import { describe, expect, it } from 'vitest';
import { presets } from '../../../src/config/index.ts';
import { learningRateAt } from '../../../src/train/algorithm.ts';

const { train } = presets.procgenEasy();
const STEPS_PER_UPDATE = train.batchSize * train.unrollLength;

describe('the learning rate of procgen-easy', () => {
  it('counts 1,600 env steps an update and reaches 0 after as many updates as the budget holds', () => {
    expect(STEPS_PER_UPDATE).toBe(1600);
    for (const totalEnvSteps of [300_000_000, 1_000_000, 4801, 1]) {
      const updates = Math.ceil(totalEnvSteps / STEPS_PER_UPDATE);
      const rate = (update: number) => learningRateAt({ ...train, totalEnvSteps }, update * STEPS_PER_UPDATE);
      expect(rate(0)).toBe(6e-4);
      expect(rate(updates)).toBe(0);
      expect(rate(updates + 5)).toBe(0);
      if (updates > 1) expect(rate(updates - 1)).toBeGreaterThan(0);
    }
    expect(learningRateAt(train, 150_000_000)).toBeCloseTo(3e-4, 12);
  });

  it('stays where it is when the schedule says so', () => {
    const constant = { ...train, schedule: { kind: 'constant' as const } };
    expect(learningRateAt(constant, 299_999_999)).toBe(6e-4);
  });
});
