/** What returns of ProcGen's games are worth. */

/** Minimum and maximum return of each game (openai/train-procgen, constants.py), hard and easy. */
const RANGES: Readonly<
  Record<string, { readonly hard: readonly [number, number]; readonly easy: readonly [number, number] }>
> = {
  coinrun: { hard: [5, 10], easy: [5, 10] },
  starpilot: { hard: [1.5, 35], easy: [2.5, 64] },
  caveflyer: { hard: [2, 13.4], easy: [3.5, 12] },
  dodgeball: { hard: [1.5, 19], easy: [1.5, 19] },
  fruitbot: { hard: [-0.5, 27.2], easy: [-1.5, 32.4] },
  chaser: { hard: [0.5, 14.2], easy: [0.5, 13] },
  miner: { hard: [1.5, 20], easy: [1.5, 13] },
  jumper: { hard: [1, 10], easy: [1, 10] },
  leaper: { hard: [1.5, 10], easy: [1.5, 10] },
  maze: { hard: [4, 10], easy: [5, 10] },
  bigfish: { hard: [0, 40], easy: [1, 40] },
  heist: { hard: [2, 10], easy: [3.5, 10] },
  climber: { hard: [1, 12.6], easy: [2, 12.6] },
  plunder: { hard: [3, 30], easy: [4.5, 30] },
  ninja: { hard: [2, 10], easy: [3.5, 10] },
  bossfight: { hard: [0.5, 13], easy: [0.5, 13] },
};

/**
 * (return - minimum) / (maximum - minimum) of a game; null where no constants were published: other environments, and
 * distribution modes other than easy and hard.
 */
export function normalizedReturn(mean: number, game: string, distributionMode: string | null): number | null {
  const range =
    distributionMode === 'easy' || distributionMode === 'hard' ? RANGES[game]?.[distributionMode] : undefined;
  return range === undefined ? null : (mean - range[0]) / (range[1] - range[0]);
}
