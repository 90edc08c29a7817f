/** Presets: named functions that return a whole configuration. */
import { distance } from 'fastest-levenshtein';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { cores } from './core-defaults.ts';
import { algorithms, encoders, environments, optimizers, paper } from './defaults.ts';
import {
  families,
  procgenEasy,
  procgenEasyPopArt,
  procgenEasyPpo,
  procgenMemory,
} from './procgen-presets.ts';
import type { Config } from './schema.ts';

export interface Preset {
  readonly name: string;
  readonly kind: Config['algorithm']['kind'];
  readonly summary: string;
  readonly config: () => Config;
  /** Of presets that differ only in their game: the name that stands for all of them, and what they share. */
  readonly family?: { readonly name: string; readonly summary: string };
}

/** A toy game in seconds: the smallest run that must learn. */
function tiny(): Config {
  return {
    ...paper,
    algorithm: { ...algorithms.ppo, passes: 4, discount: 0.95, normalizeRewards: false },
    train: {
      ...paper.train,
      totalEnvSteps: 60_000,
      unrollLength: 16,
      batchSize: 16,
      learningRate: 2e-3,
      optimizer: optimizers.adam,
      maxGradNorm: 0.5,
    },
    environment: environments.catch,
    model: {
      ...paper.model,
      encoder: encoders.mlp,
      core: {
        ...cores.srwm,
        modelDim: 32,
        numHeads: 4,
        numLayers: 1,
        ffDim: 64,
        finalNorm: true,
        releasedNorm: false,
      },
      initialization: 'he_orthogonal',
      policyGain: 0.01,
    },
    checkpoint: { everyUpdates: 400, keep: 2 },
    evaluation: { ...paper.evaluation, atEnd: true, episodes: 200, play: ['sampled', 'greedy'] },
    hardware: { ...paper.hardware, threads: 1 },
  };
}

/** Gymnasium's CartPole, balanced in seconds: the smallest run of somebody's own environment. */
function cartpole(): Config {
  const base = tiny();
  return {
    ...base,
    algorithm: { ...algorithms.ppo, passes: 4, discount: 0.98, normalizeRewards: false, entropyCost: 0 },
    train: { ...base.train, totalEnvSteps: 100_000, unrollLength: 32, batchSize: 4, learningRate: 1e-3 },
    environment: environments.gymnasium,
    model: {
      ...base.model,
      encoder: { ...encoders.mlp, sizes: [64, 64], scale: 1 },
      core: cores.feed_forward,
    },
    evaluation: { ...base.evaluation, episodes: 100, play: ['greedy'] },
  };
}

/** StarPilot without backgrounds and with plain shapes, a small network: learns in minutes on two cores. */
function quickstart(): Config {
  return {
    ...paper,
    algorithm: { ...algorithms.ppo, discount: 0.98, entropyCost: 0.004 },
    train: {
      ...paper.train,
      totalEnvSteps: 500_000,
      unrollLength: 64,
      batchSize: 8,
      learningRate: 1.2e-3,
      optimizer: optimizers.adam,
      maxGradNorm: 0.5,
    },
    environment: {
      ...environments.procgen,
      games: ['starpilot'],
      numEnvs: 64,
      numLevels: 50,
      useBackgrounds: false,
      restrictThemes: true,
      useMonochromeAssets: true,
    },
    model: {
      ...paper.model,
      encoder: encoders.patch_conv,
      core: {
        ...cores.srwm,
        modelDim: 64,
        numHeads: 4,
        numLayers: 1,
        ffDim: 128,
        finalNorm: true,
        releasedNorm: false,
      },
      initialization: 'he_orthogonal',
      policyGain: 0.01,
    },
    checkpoint: { everyUpdates: 400, keep: 2 },
    evaluation: {
      ...paper.evaluation,
      // Beside policies that never look, which play levels as they come: 200 episodes each say more than 50 levels once.
      protocol: 'episodes',
      atEnd: true,
      play: ['sampled', 'greedy'],
      blindSearch: { rounds: 8, candidates: 48, episodes: 8 },
    },
    // Updates this small are faster on one thread; the hosts use the other core.
    hardware: { ...paper.hardware, threads: 1 },
  };
}

/** The quickstart's game and network with a longer budget. */
function procgenSmall(): Config {
  const base = quickstart();
  return {
    ...base,
    train: { ...base.train, totalEnvSteps: 2_400_000 },
    checkpoint: { everyUpdates: 1200, keep: 2 },
  };
}

export const presetList: readonly Preset[] = [
  {
    name: 'quickstart',
    kind: 'ppo',
    summary: 'one ProcGen game, small network, minutes on two cores',
    config: quickstart,
  },
  {
    name: 'procgen-small',
    kind: 'ppo',
    summary: 'the same game until it plays well, under 40 minutes on two cores',
    config: procgenSmall,
  },
  {
    name: 'procgen-easy',
    kind: 'impala',
    summary: "the paper's six easy games, network and optimizer; wants a GPU",
    config: procgenEasy,
  },
  {
    name: 'procgen-easy-ppo',
    kind: 'ppo',
    summary: "the same games, network and budget with train-procgen's PPO; wants a GPU",
    config: procgenEasyPpo,
  },
  {
    name: 'procgen-easy-popart',
    kind: 'impala',
    summary: 'the same games, network and budget with PopArt, rewards unclipped; wants a GPU',
    config: procgenEasyPopArt,
  },
  {
    name: 'procgen-memory',
    kind: 'impala',
    summary: "the paper's four games of the memory distribution, 500 levels; wants a GPU",
    config: procgenMemory,
  },
  ...families.flatMap(({ prefix, kind, summary, games, config }) =>
    games.map((game) => ({
      name: `${prefix}/${game}`,
      kind,
      summary: `${game}: ${summary}`,
      config: () => config(game),
      family: { name: `${prefix}/<game>`, summary },
    })),
  ),
  {
    name: 'tiny',
    kind: 'ppo',
    summary: 'the toy game catch, seconds on one core, any platform',
    config: tiny,
  },
  {
    name: 'cartpole',
    kind: 'ppo',
    summary: "Gymnasium's CartPole, half a minute on one core: a start for an environment of your own",
    config: cartpole,
  },
];

/** One entry a preset or family, for people. */
export function presetRows(): readonly Pick<Preset, 'name' | 'kind' | 'summary'>[] {
  const rows = presetList.map(({ name, kind, summary, family }) => ({
    kind,
    ...(family ?? { name, summary }),
  }));
  return [...new Map(rows.map((row) => [row.name, row])).values()];
}

/** @throws SrwmError CONFIG_UNKNOWN_PRESET naming the nearest. */
export function presetNamed(name: string): Preset {
  const found = presetList.find((preset) => preset.name === name);
  if (found !== undefined) return found;
  throw new SrwmError(
    'CONFIG_UNKNOWN_PRESET',
    `preset: must be one of ${presetRows()
      .map((row) => row.name)
      .join(', ')}, got "${name}".`,
    {
      remedy: `Did you mean "${nearest(
        name,
        presetList.map((preset) => preset.name),
      )}"? "srwm presets" lists them.`,
    },
  );
}

/** The candidate with the fewest edits. */
export function nearest(word: string, candidates: readonly string[]): string {
  return [...candidates].sort((a, b) => distance(word, a) - distance(word, b))[0] ?? '';
}
