/** ProcGen's games, and which of them each distribution mode has. */

export const GAMES = [
  'bigfish',
  'bossfight',
  'caveflyer',
  'chaser',
  'climber',
  'coinrun',
  'dodgeball',
  'fruitbot',
  'heist',
  'jumper',
  'leaper',
  'maze',
  'miner',
  'ninja',
  'plunder',
  'starpilot',
] as const;

/** A game of ProcGen. */
export type Game = (typeof GAMES)[number];

export const MODE_GAMES: Readonly<
  Record<'easy' | 'hard' | 'extreme' | 'memory' | 'exploration', readonly Game[]>
> = {
  easy: GAMES,
  hard: GAMES,
  extreme: ['chaser', 'dodgeball', 'leaper', 'starpilot'],
  memory: ['caveflyer', 'dodgeball', 'heist', 'jumper', 'maze', 'miner'],
  exploration: ['coinrun', 'caveflyer', 'leaper', 'jumper', 'maze', 'heist', 'climber', 'ninja'],
};
