/** The published settings on ProcGen: the paper's multi-task and single-game runs, and PPO as OpenAI trained it. */
import { cores } from './core-defaults.ts';
import { algorithms, environments, optimizers, paper, schedules, valueScales } from './defaults.ts';
import { GAMES, MODE_GAMES, type Game } from './games.ts';
import type { Config, EnvironmentConfig, TrainConfig } from './schema.ts';

type Procgen = Extract<EnvironmentConfig, { kind: 'procgen' }>;

/** Distribution modes that a game can be trained alone in, with their levels: 200 easy ones, 500 of the others. */
export const SINGLE_MODES = { easy: 200, hard: 500, extreme: 500 } as const;
export type SingleMode = keyof typeof SINGLE_MODES;

/** The paper's six games of the easy distribution, its network and its optimizer. */
export function procgenEasy(): Config {
  return paper;
}

/** The paper's four games of the memory distribution; everything else as for the easy one. */
export function procgenMemory(): Config {
  return {
    ...paper,
    environment: {
      ...environments.procgen,
      games: ['dodgeball', 'heist', 'maze', 'miner'],
      distributionMode: 'memory',
      numLevels: 500,
    },
  };
}

/**
 * One game with the paper's network and learner. The paper's budget for single games is not published; the command
 * that evaluates them was released with 200 million env steps.
 */
export function procgenSingle(game: Game, mode: SingleMode = 'easy'): Config {
  return {
    ...paper,
    train: { ...paper.train, totalEnvSteps: 200_000_000 },
    environment: oneGame(game, mode),
  };
}

function oneGame(game: Game, mode: SingleMode): Procgen {
  return {
    ...environments.procgen,
    games: [game],
    distributionMode: mode,
    numLevels: SINGLE_MODES[mode],
  };
}

/**
 * PPO as OpenAI trained it on these games (train-procgen): 64 slots, 256 steps, 3 passes of 8 groups, Adam. The groups are
 * whole env columns, where the released loop for feed-forward networks shuffles single steps; the network is the same
 * but for its start, and hears no reward.
 */
function trainProcgen(games: Partial<Procgen>, train: Partial<TrainConfig>): Config {
  return {
    ...paper,
    algorithm: {
      ...algorithms.ppo,
      discount: 0.999,
      lambda: 0.95,
      clip: 0.2,
      valueClip: 0.2,
      passes: 3,
      baselineCost: 0.5,
      entropyCost: 0.01,
      normalizeAdvantages: true,
      normalizeOver: 'update',
      normalizeRewards: true,
      rewardDiscount: 0.99,
      rewardClip: 10,
    },
    train: {
      ...paper.train,
      unrollLength: 256,
      batchSize: 8,
      learningRate: 5e-4,
      schedule: schedules.constant,
      optimizer: optimizers.adam,
      maxGradNorm: 0.5,
      ...train,
    },
    environment: { ...environments.procgen, numEnvs: 64, ...games },
    model: {
      ...paper.model,
      core: cores.feed_forward,
      initialization: 'he_orthogonal',
      policyGain: 0.01,
      rewardInput: 'absent',
    },
    checkpoint: { ...paper.checkpoint, everyUpdates: 2400 },
  };
}

/** PPO on the paper's six games, with its network and budget: the same comparison as `procgen-easy`. */
export function procgenEasyPpo(): Config {
  return { ...trainProcgen({ numEnvs: 96 }, { batchSize: 12 }), model: paper.model };
}

/** IMPALA with PopArt on the paper's six games: rewards as they are, and a scale of its own for the values of each game. */
export function procgenEasyPopArt(): Config {
  return {
    ...paper,
    algorithm: { ...algorithms.impala, rewardClipping: 'none', valueScale: valueScales.popart },
  };
}

/** A family of presets, one a game: `prefix/game`. */
export interface Family {
  readonly prefix: string;
  readonly kind: Config['algorithm']['kind'];
  /** Of the family as a whole. */
  readonly summary: string;
  readonly games: readonly Game[];
  readonly config: (game: Game) => Config;
}

export const families: readonly Family[] = [
  {
    prefix: 'procgen-single',
    kind: 'impala',
    summary: "one game, 200 easy levels, the paper's network and optimizer; wants a GPU",
    games: GAMES,
    config: (game) => procgenSingle(game),
  },
  {
    prefix: 'procgen-hard',
    kind: 'impala',
    summary: 'the same with 500 hard levels',
    games: GAMES,
    config: (game) => procgenSingle(game, 'hard'),
  },
  {
    prefix: 'procgen-extreme',
    kind: 'impala',
    summary: 'the same with 500 extreme levels',
    games: MODE_GAMES.extreme,
    config: (game) => procgenSingle(game, 'extreme'),
  },
  {
    prefix: 'procgen-ppo',
    kind: 'ppo',
    summary: "one game, 200 easy levels, train-procgen's PPO for 25 million env steps; wants a GPU",
    games: GAMES,
    config: (game) => trainProcgen({ games: [game] }, { totalEnvSteps: 25_000_000 }),
  },
];
