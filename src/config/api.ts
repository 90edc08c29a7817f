/** Presets as scripts see them: functions that take the keys that differ. */
import { assignmentsOf, type Overrides } from './overrides.ts';
import { presetNamed } from './presets.ts';
import { resolveConfig } from './resolve.ts';
import type { Config } from './schema.ts';

interface Usual {
  readonly algorithm: 'ppo';
  readonly environment: 'procgen';
  readonly encoder: 'patch_conv';
  readonly core: 'srwm';
  readonly optimizer: 'adam';
  readonly schedule: 'linear';
}
interface Easy extends Omit<Usual, 'algorithm' | 'encoder' | 'optimizer'> {
  readonly algorithm: 'impala';
  readonly encoder: 'impala_resnet';
  readonly optimizer: 'rmsprop';
}
interface Tiny extends Omit<Usual, 'environment' | 'encoder'> {
  readonly environment: 'catch';
  readonly encoder: 'mlp';
}

function preset(name: string, call: string, overrides: object): Config {
  const base = presetNamed(name).config();
  const assignments = assignmentsOf(overrides, call);
  return assignments.length === 0 ? base : resolveConfig(base, `preset ${name}`, assignments).config;
}

/**
 * Whole configurations by name. Each takes what differs: keys of its environment at the top, `seed`,
 * `totalEnvSteps`, and any part of any section. A `kind` replaces its section by that kind's defaults.
 *
 * @example presets.procgenEasy({ games: ['bigfish'], numLevels: 50, model: { core: { kind: 'feed_forward' } } })
 * @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once.
 */
export const presets = {
  /** StarPilot with a small network: minutes on two cores. */
  quickstart: (overrides: Overrides<Usual> = {}): Config =>
    preset('quickstart', 'presets.quickstart({...})', overrides),
  /** The quickstart with a longer budget. */
  procgenSmall: (overrides: Overrides<Usual> = {}): Config =>
    preset('procgen-small', 'presets.procgenSmall({...})', overrides),
  /** The paper's six easy games and network. */
  procgenEasy: (overrides: Overrides<Easy> = {}): Config =>
    preset('procgen-easy', 'presets.procgenEasy({...})', overrides),
  /** The toy game catch: seconds. */
  tiny: (overrides: Overrides<Tiny> = {}): Config => preset('tiny', 'presets.tiny({...})', overrides),
} as const;
