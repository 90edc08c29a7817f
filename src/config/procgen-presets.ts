/** The published settings on ProcGen: the paper's multi-task and single-game runs, and PPO as OpenAI trained it. */
import { environments, paper } from './defaults.ts';
import { GAMES, MODE_GAMES, type Game } from './games.ts';
import type { Config, EnvironmentConfig } from './schema.ts';

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

function oneGame(game: Game, mode: SingleMode): Extract<EnvironmentConfig, { kind: 'procgen' }> {
  return {
    ...environments.procgen,
    games: [game],
    distributionMode: mode,
    numLevels: SINGLE_MODES[mode],
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
];
