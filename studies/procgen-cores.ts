/**
 * Four cores on two games of ProcGen, at a scale that two CPU cores train in an hour: 20 runs, resumable.
 *
 *     npx srwm sweep studies/procgen-cores.ts
 *
 * The quickstart's network and art (no backgrounds, plain shapes) and PPO; one agent for both games, 200 easy levels of
 * each, the same budget for every core. The games are two that such a budget teaches something. At its end each run
 * plays every training level and 200 unseen ones once. Five seeds: three against three can never differ significantly.
 */
import { defineSweep, presets, type Config } from 'srwm';

type Core = NonNullable<NonNullable<NonNullable<Parameters<typeof presets.quickstart>[0]>['model']>['core']>;

const sizes = { modelDim: 64, numHeads: 4, numLayers: 1, ffDim: 128, finalNorm: true } as const;

function agent(core: Core): Config {
  return presets.quickstart({
    games: ['starpilot', 'fruitbot'],
    numLevels: 200,
    totalEnvSteps: 600_000,
    model: { core },
    evaluation: { protocol: 'ledger', blindSearch: { rounds: 0 } },
  });
}

export default defineSweep({
  runs: {
    feed_forward: agent({ kind: 'feed_forward' }),
    lstm: agent({ kind: 'lstm', modelDim: 64 }),
    delta_net: agent({ kind: 'delta_net', ...sizes }),
    srwm: agent({ kind: 'srwm', ...sizes, releasedNorm: false }),
  },
  seeds: [1, 2, 3, 4, 5],
  jobs: 2,
});
