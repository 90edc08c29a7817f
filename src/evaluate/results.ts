/** Episodes by game, with intervals and normalised returns. */
import type { Episode } from '../../bridge/protocol/messages.ts';
import { estimate, normalizedReturn, type GameResult } from '../metrics/index.ts';

export function gameResults(episodes: readonly Episode[], distributionMode: string | null): GameResult[] {
  const games = [...new Set(episodes.map((episode) => episode.game))].sort();
  return games.map((game) => {
    const own = episodes.filter((episode) => episode.game === game);
    const { count, mean, ci95 } = estimate(own.map((episode) => episode.episode_return));
    const lengths = own.map((episode) => episode.episode_length);
    return {
      game,
      episodes: count,
      mean_return: mean,
      ci95,
      normalized: normalizedReturn(mean, game, distributionMode),
      mean_length: lengths.reduce((sum, length) => sum + length, 0) / count,
    };
  });
}
