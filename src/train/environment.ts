/** From the environment section to the spec of a pool. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { PoolSpec } from '../../bridge/protocol/messages.ts';
import type { EnvironmentConfig } from '../config/index.ts';
import type { Spaces } from './agent.ts';
import type { Session } from './session.ts';

const HOST_TIMEOUT_SECONDS = 60;

export function poolSpec(
  environment: EnvironmentConfig,
  seed: number,
  procgenLibrary: string | null,
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

export interface OpenPool extends Spaces {
  readonly name: string;
  readonly numEnvs: number;
  readonly games: readonly string[];
}

export async function openPool(session: Session, name: string, spec: PoolSpec): Promise<OpenPool> {
  const reply = await session.call('open_pool', { pool: name, spec });
  return {
    name,
    numEnvs: reply.num_envs,
    games: reply.games,
    observationShape: reply.observation_shape,
    observationDtype: reply.observation_dtype,
    numActions: reply.num_actions,
  };
}
