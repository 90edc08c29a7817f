/** Evaluation of an agent on training and unseen levels, beside policies that never look. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config, EnvironmentConfig } from '../config/index.ts';
import type { EvaluationReport, SplitResult } from '../metrics/index.ts';
import {
  Collector,
  librarySeed,
  openPool,
  poolSpec,
  randomKey,
  SET,
  type Agent,
  type Places,
  type Play,
  type Session,
} from '../train/index.ts';
import { playBlind, searchBlind, type BlindArena } from './blind.ts';
import { CHUNK, playEpisodes } from './episodes.ts';
import { gameResults } from './results.ts';

export const SPLITS = ['train', 'unseen'] as const;
export type Split = (typeof SPLITS)[number];

export interface EvaluationOptions {
  readonly session: Session;
  readonly config: Config;
  readonly places: Places;
  readonly agent: Agent;
  readonly splits: readonly Split[];
  readonly episodes: number;
  readonly play: readonly Play[];
  /** Also the uniform random policy and, when the config asks for a search, the best blind one. */
  readonly baselines: boolean;
  readonly run: string;
  readonly update: number;
  /** Stops the evaluation between two requests. */
  readonly signal: AbortSignal;
}

/** Every split and way of playing, in turn. Uses its own pools, core states and random streams. */
export async function evaluate(options: EvaluationOptions): Promise<EvaluationReport> {
  const { splits, play } = options;
  const results: SplitResult[] = [];
  for (const split of splits) {
    for (const way of play) results.push(await evaluateSplit(options, split, way));
  }
  const blind = options.baselines ? await evaluateBlind(options) : null;
  return {
    run: options.run,
    update: options.update,
    splits: [...results, ...(blind?.splits ?? [])],
    blind_search: blind?.search ?? null,
  };
}

async function evaluateSplit(options: EvaluationOptions, split: Split, play: Play): Promise<SplitResult> {
  const { session, config, agent } = options;
  const name = `${split}/${play}`;
  return withPool(options, split, name, config.evaluation.numEnvs, async (pool, numEnvs) => {
    const collector = new Collector(session, {
      agent,
      set: SET,
      pool,
      numEnvs,
      unrollLength: CHUNK,
      play,
      owner: 'evaluate',
      keep: false,
    });
    await collector.prepare();
    await collector.reset();
    const quota = quotaOf(options.episodes, gamesOf(config.environment), numEnvs);
    const played = await playEpisodes(
      numEnvs,
      quota,
      config.evaluation.maxEpisodeSteps * quota,
      options.signal,
      (chunk) => collector.collect(randomKey(config.seed, `evaluate/${name}`, chunk)),
    );
    await session.call('release', {
      handles: [...collector.stateHandles, ...Object.values(collector.initialHandles)],
    });
    if (!played.complete) {
      throw new SrwmError(
        'RUN_EVALUATION',
        `evaluate: every episode of ${name} must end within ${config.evaluation.maxEpisodeSteps} steps, but some did not.`,
      );
    }
    return { name, games: gameResults(played.episodes, distributionOf(config.environment)) };
  });
}

/** Random and best blind policy on the training levels: what an agent must beat to have seen anything. */
async function evaluateBlind(options: EvaluationOptions) {
  const { session, config, agent } = options;
  const { blindSearch, maxEpisodeSteps } = config.evaluation;
  const arenaOf = (pool: string, numEnvs: number): BlindArena => ({
    session,
    pool,
    numEnvs,
    numActions: agent.numActions,
    seed: config.seed,
    maxSteps: maxEpisodeSteps,
    signal: options.signal,
  });
  const measure = (name: string, distribution: readonly number[]) =>
    withPool(
      options,
      'train',
      name,
      config.evaluation.numEnvs,
      async (pool, numEnvs): Promise<SplitResult> => {
        const quota = quotaOf(options.episodes, gamesOf(config.environment), numEnvs);
        const played = await playBlind(
          arenaOf(pool, numEnvs),
          name,
          Array.from({ length: numEnvs }, () => distribution),
          quota,
        );
        return { name, games: gameResults(played.episodes, distributionOf(config.environment)) };
      },
    );
  const uniform = Array.from({ length: agent.numActions }, () => 1 / agent.numActions);
  const random = await measure('train/random', uniform);
  if (blindSearch.rounds === 0) return { splits: [random], search: null };
  const search = await withPool(options, 'train', 'search', blindSearch.candidates, (pool, numEnvs) =>
    searchBlind(arenaOf(pool, numEnvs), blindSearch.rounds, blindSearch.episodes),
  );
  return {
    splits: [random, await measure('train/blind', search.best)],
    search: { candidates: search.candidates, env_steps: search.envSteps, probabilities: search.best },
  };
}

async function withPool<R>(
  { session, config, places }: EvaluationOptions,
  split: Split,
  name: string,
  wanted: number,
  body: (pool: string, numEnvs: number) => Promise<R>,
): Promise<R> {
  const games = gamesOf(config.environment);
  const numEnvs = Math.max(games, Math.floor(wanted / games) * games);
  const environment = splitEnvironment({ ...config.environment, numEnvs }, config.evaluation, split);
  const seed = librarySeed(config.seed, `evaluate/${name}`);
  const pool = await openPool(session, `evaluate/${name}`, poolSpec(environment, seed, places));
  try {
    return await body(pool.name, numEnvs);
  } finally {
    await session.call('close_pool', { pool: pool.name });
  }
}

function splitEnvironment(
  environment: EnvironmentConfig,
  evaluation: Config['evaluation'],
  split: Split,
): EnvironmentConfig {
  if (split === 'train' || environment.kind !== 'procgen') return environment;
  return { ...environment, startLevel: evaluation.unseenStartLevel, numLevels: evaluation.unseenNumLevels };
}

function gamesOf(environment: EnvironmentConfig): number {
  return environment.kind === 'procgen' ? environment.games.length : 1;
}

function distributionOf(environment: EnvironmentConfig): string | null {
  return environment.kind === 'procgen' ? environment.distributionMode : null;
}

/** Episodes that every slot plays so that each game has at least `episodes`. */
function quotaOf(episodes: number, games: number, numEnvs: number): number {
  return Math.ceil((episodes * games) / numEnvs);
}
