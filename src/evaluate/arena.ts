/** Pools that an evaluation opens for itself: training's are never touched. */
import type { Config, EnvironmentConfig } from '../config/index.ts';
import { librarySeed, openPool, poolSpec, type OpenPool, type Places, type Session } from '../train/index.ts';
import { hasLevels, type LevelRange } from './protocols.ts';

/** Where pools are opened. */
export interface Arena {
  readonly session: Session;
  readonly config: Config;
  readonly places: Places;
}

/** A pool of its own seed, open while `body` runs. */
export async function withPool<R>(
  { session, config, places }: Arena,
  name: string,
  numEnvs: number,
  range: LevelRange | null,
  body: (pool: OpenPool) => Promise<R>,
): Promise<R> {
  const environment = withLevels({ ...config.environment, numEnvs }, range);
  const seed = librarySeed(config.seed, `evaluate/${name}`);
  const pool = await openPool(session, `evaluate/${name}`, poolSpec(environment, seed, places));
  try {
    return await body(pool);
  } finally {
    await session.call('close_pool', { pool: pool.name });
  }
}

/** Each game of a configuration by itself, by name; an environment without games is one. */
export function gameByGame(config: Config): readonly { readonly name: string; readonly config: Config }[] {
  const { environment } = config;
  if (environment.kind !== 'procgen') return [{ name: environment.kind, config }];
  return environment.games.map((game) => ({
    name: game,
    config: { ...config, environment: { ...environment, games: [game] } },
  }));
}

function withLevels(environment: EnvironmentConfig, range: LevelRange | null): EnvironmentConfig {
  if (range === null || !hasLevels(environment)) return environment;
  return { ...environment, startLevel: range.start, numLevels: range.count } as EnvironmentConfig;
}
