/** What returns of ProcGen's games are worth: minimum and maximum return of each game, by Cobbe et al. 2020. */

type Range = readonly [minimum: number, maximum: number];

/** openai/train-procgen, constants.py, hard and easy. */
const CODE: Readonly<Record<string, Readonly<Record<'hard' | 'easy', Range>>>> = {
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

/** Where the table of the paper's appendix differs from that file. */
const PAPER_EASY: Readonly<Record<string, Range>> = { jumper: [3, 10], leaper: [3, 10] };

/** Sets of constants: the file that drew the authors' figures, or the table of their appendix. */
export type ScoreSet = 'cobbe_code' | 'cobbe_paper';

/** Which constants a mode's returns are normalised with. */
export interface Normalization {
  readonly set: ScoreSet;
  /** Memory mode has none of its own: its returns are normalised with those of hard mode, and said to be. */
  readonly constants: 'easy' | 'hard';
}

/** null where no constants are anywhere near: extreme and exploration modes, and other environments. */
export function normalizationOf(distributionMode: string | null, set: ScoreSet): Normalization | null {
  switch (distributionMode) {
    case 'easy':
      return { set, constants: 'easy' };
    case 'hard':
    case 'memory':
      return { set, constants: 'hard' };
    default:
      return null;
  }
}

/** (return - minimum) / (maximum - minimum); null for a game without constants, or without a normalisation. */
export function normalizedBy(
  normalization: Normalization | null,
  value: number,
  game: string,
): number | null {
  if (normalization === null) return null;
  const { set, constants } = normalization;
  const differs = set === 'cobbe_paper' && constants === 'easy' ? PAPER_EASY[game] : undefined;
  const range = differs ?? CODE[game]?.[constants];
  return range === undefined ? null : (value - range[0]) / (range[1] - range[0]);
}

/**
 * A game's mean return by the constants of `cobbe_code`; null where no constants were published: other environments, and
 * distribution modes other than easy and hard.
 */
export function normalizedReturn(mean: number, game: string, distributionMode: string | null): number | null {
  const normalization =
    distributionMode === 'memory' ? null : normalizationOf(distributionMode, 'cobbe_code');
  return normalizedBy(normalization, mean, game);
}
