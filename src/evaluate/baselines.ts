/** What an agent must beat to have seen anything: the uniform random policy and the best one that never looks. */
import type { EnvFault } from '../../bridge/protocol/messages.ts';
import type { EvaluationReport, LevelRow } from '../metrics/index.ts';
import { withPool, type Arena } from './arena.ts';
import { playBlind, searchBlind, type BlindArena, type Distribution } from './blind.ts';
import { wholeGames, type PlannedSplit } from './protocols.ts';
import { levelRows } from './results.ts';

export interface BaselineOptions extends Arena {
  readonly numActions: number;
  readonly games: number;
  readonly numEnvs: number;
  readonly episodes: number;
  /** The training levels. */
  readonly split: PlannedSplit;
  readonly signal: AbortSignal;
  /** Hears what environments did wrong. */
  readonly onFaults: (faults: readonly EnvFault[]) => void;
}

/** Rows of `train/random`, and of `train/blind` when the configuration asks for a search: whole episodes on levels as they come. */
export async function playBaselines(options: BaselineOptions): Promise<{
  readonly rows: Readonly<Record<string, LevelRow[]>>;
  readonly search: EvaluationReport['blind_search'];
}> {
  const { config, numActions } = options;
  const { blindSearch } = config.evaluation;
  const uniform = Array.from({ length: numActions }, () => 1 / numActions);
  const random = await measure(options, 'train/random', uniform);
  if (blindSearch.rounds === 0) return { rows: { 'train/random': random }, search: null };
  const search = await withPool(
    options,
    'train/search',
    wholeGames(blindSearch.candidates, options.games),
    options.split.range,
    ({ name, numEnvs }) =>
      searchBlind(arenaOf(options, name, numEnvs), blindSearch.rounds, blindSearch.episodes),
  );
  return {
    rows: { 'train/random': random, 'train/blind': await measure(options, 'train/blind', search.best) },
    search: { candidates: search.candidates, env_steps: search.envSteps, probabilities: search.best },
  };
}

async function measure(
  options: BaselineOptions,
  name: string,
  distribution: Distribution,
): Promise<LevelRow[]> {
  const quota = Math.ceil((options.episodes * options.games) / options.numEnvs);
  const played = await withPool(options, name, options.numEnvs, options.split.range, (pool) => {
    const everywhere = Array.from({ length: pool.numEnvs }, () => distribution);
    return playBlind(arenaOf(options, pool.name, pool.numEnvs), name, everywhere, quota);
  });
  return levelRows(played.episodes);
}

function arenaOf(
  { session, config, numActions, signal, onFaults }: BaselineOptions,
  pool: string,
  numEnvs: number,
): BlindArena {
  const { maxEpisodeSteps: maxSteps } = config.evaluation;
  return { session, pool, numEnvs, numActions, seed: config.seed, maxSteps, signal, onFaults };
}
