/** Sections as scripts write them, of environments and of the hardware: the keys that differ from the defaults. */
import { z } from 'zod';
import { gameFaults } from './consistency.ts';
import { environments, paper } from './defaults.ts';
import { leavesOf, type EnvironmentOptions } from './overrides.ts';
import { resolveWith } from './resolve.ts';
import { configSchema, environmentSchema, type Config, type EnvironmentConfig } from './schema.ts';

const section = z.strictObject({ environment: environmentSchema });
const machine = z.strictObject({ hardware: configSchema.shape.hardware });

function environmentOf<K extends EnvironmentConfig['kind']>(
  kind: K,
  who: string,
  options: object,
): Extract<EnvironmentConfig, { kind: K }> {
  const assignments = leavesOf('environment', options, who);
  const { value } = resolveWith(section, { environment: environments[kind] }, who, assignments, gameFaults);
  return value.environment as Extract<EnvironmentConfig, { kind: K }>;
}

/**
 * ProcGen: images uint8 [64, 64, 3], 15 actions. Any of its 16 games at once; slots are shared out evenly.
 *
 * @example impala({ env: procgen({ games: ['bigfish', 'maze'], numEnvs: 64, numLevels: 200 }) })
 * @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once.
 */
export function procgen(
  options: EnvironmentOptions<'procgen'> = {},
): Extract<EnvironmentConfig, { kind: 'procgen' }> {
  return environmentOf('procgen', 'procgen({...})', options);
}

/**
 * The toy game catch: a ball falls, a paddle of the bottom row catches it; images uint8 [rows, columns, 3], 3 actions.
 *
 * @example ppo({ env: catchGame({ numEnvs: 16 }), totalEnvSteps: 30_000 })
 * @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once.
 */
export function catchGame(
  options: EnvironmentOptions<'catch'> = {},
): Extract<EnvironmentConfig, { kind: 'catch' }> {
  return environmentOf('catch', 'catchGame({...})', options);
}

/**
 * The toy game recall: a cue of `numCues` is shown once and must be named `delay` steps later; observations uint8
 * [numCues], `numCues` actions. Without memory the return stays at chance.
 *
 * @example ppo({ env: recall({ numCues: 4, delay: 8 }), totalEnvSteps: 100_000 })
 * @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once.
 */
export function recall(
  options: EnvironmentOptions<'recall'> = {},
): Extract<EnvironmentConfig, { kind: 'recall' }> {
  return environmentOf('recall', 'recall({...})', options);
}

/**
 * Any Gymnasium environment with Box or Discrete observations and Discrete actions: a registered id, or a class or
 * function of a module or of a file in your project. It runs in processes of its own; what fails is restarted.
 *
 * @example ppo({ env: gymnasium({ env: 'CartPole-v1', numEnvs: 16 }), totalEnvSteps: 100_000 })
 * @example gymnasium({ env: './my_env.py:MyEnv', kwargs: { size: 5 } })
 * @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once.
 */
export function gymnasium(
  options: EnvironmentOptions<'gymnasium'> = {},
): Extract<EnvironmentConfig, { kind: 'gymnasium' }> {
  return environmentOf('gymnasium', 'gymnasium({...})', options);
}

/** @throws SrwmError CONFIG_INVALID with every fault at once. */
export function hardwareOf(options: Partial<Config['hardware']>, who: string): Config['hardware'] {
  const assignments = leavesOf('hardware', options, who);
  return resolveWith(machine, { hardware: paper.hardware }, who, assignments, () => []).value.hardware;
}
