/** From the environment section to the spec of a pool. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { PoolSpec } from '../../bridge/protocol/messages.ts';
import type { EnvironmentConfig } from '../config/index.ts';
import type { Spaces } from './agent.ts';
import type { Places, Session } from './session.ts';

const HOST_TIMEOUT_SECONDS = 60;

export function poolSpec(
  environment: EnvironmentConfig,
  seed: number,
  { procgenLibrary, project }: Pick<Places, 'procgenLibrary' | 'project'>,
): PoolSpec {
  const groups = { num_groups: 1 };
  if (environment.kind === 'catch') {
    const { kind, rows, columns, blank, numEnvs } = environment;
    return { kind, num_envs: numEnvs, ...groups, rows, columns, blank, seed };
  }
  if (environment.kind === 'recall') {
    const { kind, numCues, delay, blank, numEnvs } = environment;
    return { kind, num_envs: numEnvs, ...groups, num_cues: numCues, delay, blank, seed };
  }
  if (environment.kind === 'gymnasium') {
    const { kind, env, kwargs, numEnvs, maxEpisodeSteps, maxFaults, timeoutSeconds } = environment;
    const { numLevels, startLevel } = environment;
    return {
      kind,
      env: inProject(env, project),
      kwargs: JSON.stringify(kwargs),
      project,
      num_envs: numEnvs,
      num_hosts: Math.min(environment.numHosts, numEnvs),
      ...groups,
      max_episode_steps: maxEpisodeSteps,
      max_faults: maxFaults,
      step_timeout_seconds: timeoutSeconds,
      start_timeout_seconds: Math.max(timeoutSeconds, HOST_TIMEOUT_SECONDS),
      ...(numLevels !== null && { num_levels: numLevels, start_level: startLevel }),
      seed,
    };
  }
  if (procgenLibrary === null) {
    throw new SrwmError(
      'SETUP_PLATFORM',
      'environment.kind: procgen needs Linux on x86-64, which this machine is not.',
      {
        remedy: 'Train a toy game: "srwm train tiny".',
      },
    );
  }
  return {
    kind: 'procgen',
    games: environment.games,
    num_envs: environment.numEnvs,
    num_hosts: Math.min(environment.numHosts, environment.numEnvs),
    ...groups,
    distribution_mode: environment.distributionMode,
    num_levels: environment.numLevels,
    start_level: environment.startLevel,
    center_agent: environment.centerAgent,
    use_backgrounds: environment.useBackgrounds,
    restrict_themes: environment.restrictThemes,
    use_monochrome_assets: environment.useMonochromeAssets,
    use_generated_assets: false,
    paint_vel_info: false,
    use_sequential_levels: false,
    seed,
    library: procgenLibrary,
    host_timeout_seconds: HOST_TIMEOUT_SECONDS,
  };
}

/** A file of an environment is looked for from the project's folder, wherever a command was started. */
function inProject(env: string, project: string): string {
  const at = env.lastIndexOf(':');
  const place = env.slice(0, Math.max(0, at));
  if (!place.endsWith('.py')) return env;
  const file = path.resolve(project, place);
  if (!existsSync(file)) {
    throw new SrwmError(
      'ENV_IMPORT',
      `environment.env: the file of "${env}" must exist, but "${file}" does not.`,
    );
  }
  return file + env.slice(at);
}

export interface OpenPool extends Spaces {
  readonly name: string;
  readonly numEnvs: number;
  readonly games: readonly string[];
  /** Whether a limit may cut episodes short. */
  readonly truncates: boolean;
}

export async function openPool(session: Session, name: string, spec: PoolSpec): Promise<OpenPool> {
  const reply = await session.call('open_pool', { pool: name, spec });
  return {
    name,
    numEnvs: reply.num_envs,
    games: reply.games,
    truncates: reply.truncates,
    observationShape: reply.observation_shape,
    observationDtype: reply.observation_dtype,
    numActions: reply.num_actions,
  };
}
