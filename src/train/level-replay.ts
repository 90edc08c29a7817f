/** Prioritised level replay (Jiang et al. 2021): levels on which the values were most wrong are played more often. */
import { levelReplay } from '../config/index.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { curriculum, type Curriculum } from './curriculum.ts';

/** What prioritised level replay may be told; only `levels` is required. */
export interface LevelReplayOptions {
  /** Levels of each game: `start` to `start + count - 1`. */
  readonly levels: { readonly start?: number; readonly count: number };
  /** beta: the smaller, the more the highest scores are preferred. Default: 0.1, as in the paper. */
  readonly temperature?: number;
  /** rho: share of the distribution that prefers levels not played for long. Default: 0.1, as in the paper. */
  readonly staleness?: number;
  /** Levels that each slot is given ahead. Default: 4. */
  readonly ahead?: number;
}

/** Of one game: by level the last score, and the number of the episode in which it was played; null = never. */
export interface LevelReplayState {
  readonly [game: string]: {
    readonly scores: readonly (number | null)[];
    readonly played: readonly number[];
    readonly episodes: number;
  };
}

/**
 * Probabilities of replaying each of the levels that were seen (equations 2 to 4 of the paper):
 * (1 - rho) P_S + rho P_C with P_S(l) ~ (1 / rank(l))^(1 / beta), rank 1 the highest score, and P_C(l) ~ c - c_l, c the
 * number of episodes so far and c_l that of the level's last. Equal scores take ranks in the order of levels.
 *
 * @example replayProbabilities([0.5, 2, 1], [3, 1, 2], 3, { temperature: 0.1, staleness: 0.1 })
 */
export function replayProbabilities(
  scores: readonly number[],
  played: readonly number[],
  episodes: number,
  { temperature, staleness }: { readonly temperature: number; readonly staleness: number },
): number[] {
  const order = scores.map((score, i) => ({ score, i })).sort((a, b) => b.score - a.score || a.i - b.i);
  const weights = Array<number>(scores.length).fill(0);
  order.forEach(({ i }, rank) => (weights[i] = (1 / (rank + 1)) ** (1 / temperature)));
  const ages = played.map((last) => episodes - last);
  const [totalWeight, totalAge] = [sum(weights), sum(ages)];
  return weights.map(
    (weight, i) =>
      (1 - staleness) * (weight / totalWeight) +
      staleness * (totalAge === 0 ? 1 / scores.length : (ages[i] as number) / totalAge),
  );
}

/**
 * Prioritised level replay (Jiang et al. 2021) with rank prioritisation. A slot's next level is one of those that were
 * never played with the probability of their share, each as likely as the other; else it is drawn by
 * `replayProbabilities`. A level's score is that of its last episode: the mean of |A_t|. Games have tables of their own.
 *
 * @example defineRun(presets.procgenEasy({ numLevels: 200 }), { curriculum: prioritizedLevelReplay({ levels: { count: 200 } }) })
 * @throws SrwmError CONFIG_INVALID
 */
export function prioritizedLevelReplay(options: LevelReplayOptions): Curriculum {
  const { start, count, temperature, staleness, ahead } = checked(options);
  return curriculum<LevelReplayState>(
    'prioritized_level_replay',
    {},
    ({ state, episodes, games, random }) => {
      const tables = Object.fromEntries(
        [...new Set(games)].map((game) => {
          const table = state[game] ?? {
            scores: Array<null>(count).fill(null),
            played: Array<number>(count).fill(0),
            episodes: 0,
          };
          return [game, { scores: [...table.scores], played: [...table.played], episodes: table.episodes }];
        }),
      );
      for (const { game, level, score } of episodes) {
        const table = tables[game];
        const index = level - start;
        if (table === undefined || index < 0 || index >= count) continue;
        table.episodes += 1;
        table.played[index] = table.episodes;
        // Without a score of its own it is as one whose values were right.
        table.scores[index] = score ?? table.scores[index] ?? 0;
      }
      const draws = Object.fromEntries(
        Object.entries(tables).map(([game, table]) => [
          game,
          drawFrom(table, { temperature, staleness }, random),
        ]),
      );
      const queues = games.map((game, slot) => ({
        slot,
        levels: Array.from({ length: ahead }, () => start + (draws[game]?.() as number)),
      }));
      return { state: tables, queues };
    },
  );
}

/** Draws indices of levels of one game. */
function drawFrom(
  { scores, played, episodes }: LevelReplayState[string],
  options: { readonly temperature: number; readonly staleness: number },
  random: () => number,
): () => number {
  const indices = scores.map((_, i) => i);
  const unseen = indices.filter((i) => scores[i] === null);
  const seen = indices.filter((i) => scores[i] !== null);
  const probabilities = replayProbabilities(
    seen.map((i) => scores[i] as number),
    seen.map((i) => played[i] as number),
    episodes,
    options,
  );
  return () => {
    // Both numbers are drawn always, so that one choice does not shift those behind it.
    const [which, where] = [random(), random()];
    if (which < unseen.length / scores.length) return unseen[Math.floor(where * unseen.length)] as number;
    let left = where;
    for (const [i, probability] of probabilities.entries()) {
      left -= probability;
      if (left < 0) return seen[i] as number;
    }
    return seen.at(-1) as number;
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function checked({ levels, ...rest }: LevelReplayOptions) {
  const options = { start: 0, ...levelReplay, ...levels, ...rest };
  const needs = (name: string, fits: boolean, requirement: string, got: unknown): void => {
    if (fits) return;
    throw new SrwmError(
      'CONFIG_INVALID',
      `prioritizedLevelReplay({...}): ${name} must be ${requirement}, got ${String(got)}.`,
    );
  };
  const { start, count, temperature, staleness, ahead } = options;
  needs(
    'levels.count',
    Number.isInteger(count) && count >= 1 && count <= 1e6,
    'an integer from 1 to 1000000',
    count,
  );
  needs('levels.start', Number.isInteger(start) && start >= 0, 'an integer from 0 on', start);
  needs('temperature', temperature > 0 && Number.isFinite(temperature), 'above 0', temperature);
  needs('staleness', staleness >= 0 && staleness <= 1, 'from 0 to 1', staleness);
  needs('ahead', Number.isInteger(ahead) && ahead >= 1, 'an integer from 1 on', ahead);
  return options;
}
