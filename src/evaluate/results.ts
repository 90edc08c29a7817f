/** Episodes by game, with intervals and normalised returns. */
import type { Episode } from '../../bridge/protocol/messages.ts';
import {
  estimate,
  normalizedBy,
  type GameResult,
  type LevelRow,
  type Normalization,
} from '../metrics/index.ts';

/** One row an episode, in the order of the episodes. */
export function levelRows(episodes: readonly Episode[]): LevelRow[] {
  return episodes.map(({ game, level, episode_return, episode_length, completed }) => ({
    game,
    level,
    episode_return,
    episode_length,
    completed,
  }));
}

/** Games in the order of their names. */
export function gameResults(rows: readonly LevelRow[], normalization: Normalization | null): GameResult[] {
  const games = [...new Set(rows.map((row) => row.game))].sort();
  return games.map((game) => {
    const own = rows.filter((row) => row.game === game);
    const { count, mean, ci95 } = estimate(own.map((row) => row.episode_return));
    return {
      game,
      episodes: count,
      mean_return: mean,
      ci95,
      normalized: normalizedBy(normalization, mean, game),
      mean_length: own.reduce((sum, row) => sum + row.episode_length, 0) / count,
      completed: own.filter((row) => row.completed).length / count,
    };
  });
}
