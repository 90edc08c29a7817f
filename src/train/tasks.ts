/** Which slot plays which game, as PopArt must know. */
import type { Config, EnvironmentConfig } from '../config/index.ts';

/** The games of an environment, each once: what a value head of PopArt has one output for. */
export function tasksOf(environment: EnvironmentConfig): readonly string[] {
  return environment.kind === 'procgen' ? [...new Set(environment.games)] : [environment.kind];
}

/** The task of each slot as its place in `tasksOf`: slot i plays game i mod G. */
export function slotTasks(environment: EnvironmentConfig): readonly number[] {
  const games = environment.kind === 'procgen' ? environment.games : [environment.kind];
  const tasks = tasksOf(environment);
  return Array.from({ length: environment.numEnvs }, (_, slot) =>
    tasks.indexOf(games[slot % games.length] as string),
  );
}

/** Values that the agent of a configuration gives: one, or one a task under PopArt. */
export function numValuesOf({ algorithm, environment }: Pick<Config, 'algorithm' | 'environment'>): number {
  const isPerTask = algorithm.kind === 'impala' && algorithm.valueScale.kind === 'popart';
  return isPerTask ? tasksOf(environment).length : 1;
}
