/**
 * What PPO, IMPALA and IMPALA with PopArt give on one budget: 9 runs, resumable.
 *
 *     npx srwm sweep studies/algorithms.ts
 *
 * The games, levels, network (SRWM core), budget and evaluation of studies/procgen-cores.ts, whose `srwm` runs are PPO
 * with the quickstart's constants. The rules here have the constants that they were published with: train-procgen's
 * PPO, the paper's IMPALA, and the same with PopArt on unclipped rewards.
 */
import { defineSweep, presets } from 'srwm';

const shared = {
  games: ['starpilot', 'fruitbot'],
  numLevels: 200,
  totalEnvSteps: 600_000,
  evaluation: { protocol: 'ledger', blindSearch: { rounds: 0 } },
} as const;

const impala = {
  ...shared,
  train: {
    unrollLength: 50,
    batchSize: 32,
    learningRate: 6e-4,
    optimizer: { kind: 'rmsprop' },
    maxGradNorm: 40,
  },
} as const;

export default defineSweep({
  runs: {
    ppo: presets.quickstart({
      ...shared,
      algorithm: {
        discount: 0.999,
        rewardDiscount: 0.99,
        passes: 3,
        entropyCost: 0.01,
        normalizeOver: 'update',
      },
      train: { unrollLength: 256, batchSize: 8, learningRate: 5e-4, schedule: { kind: 'constant' } },
      model: { rewardInput: 'absent' },
    }),
    impala: presets.quickstart({ ...impala, algorithm: { kind: 'impala' } }),
    popart: presets.quickstart({
      ...impala,
      algorithm: { kind: 'impala', rewardClipping: 'none', valueScale: { kind: 'popart' } },
    }),
  },
  seeds: [1, 2, 3],
  jobs: 2,
});
