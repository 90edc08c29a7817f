/** Presets as scripts see them: functions that take the keys that differ. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { assignmentsOf, type Overrides } from './overrides.ts';
import type { Game } from './games.ts';
import { presetNamed } from './presets.ts';
import { procgenSingle, SINGLE_MODES, type SingleMode } from './procgen-presets.ts';
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

/** What `presets.procgenSingle` takes: the game, its mode, and what differs. */
export interface SingleGame {
  readonly game: Game;
  /** 200 levels of easy, 500 of the others. Default: easy. */
  readonly mode?: SingleMode;
}

interface Gymnasium extends Omit<Usual, 'environment' | 'encoder' | 'core'> {
  readonly environment: 'gymnasium';
  readonly encoder: 'mlp';
  readonly core: 'feed_forward';
}

function preset(name: string, call: string, overrides: object): Config {
  return changed(name, presetNamed(name).config(), call, overrides);
}

function changed(name: string, base: Config, call: string, overrides: object): Config {
  const assignments = assignmentsOf(overrides, call);
  return assignments.length === 0 ? base : resolveConfig(base, `preset ${name}`, assignments).config;
}

function requireMode(mode: string, call: string): void {
  if (Object.hasOwn(SINGLE_MODES, mode)) return;
  throw new SrwmError(
    'CONFIG_INVALID',
    `${call}: "mode" must be of ${Object.keys(SINGLE_MODES).join(', ')}, got ${JSON.stringify(mode)}.`,
    { remedy: 'For other modes set environment.distributionMode on presets.procgenEasy.' },
  );
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
  /** The paper's four games of the memory distribution, 500 levels. */
  procgenMemory: (overrides: Overrides<Easy> = {}): Config =>
    preset('procgen-memory', 'presets.procgenMemory({...})', overrides),
  /**
   * One game with the paper's network and learner.
   *
   * @example presets.procgenSingle({ game: 'bigfish', mode: 'hard', model: { core: { kind: 'feed_forward' } } })
   */
  procgenSingle: ({ game, mode = 'easy', ...overrides }: SingleGame & Overrides<Easy>): Config => {
    const call = 'presets.procgenSingle({...})';
    requireMode(mode, call);
    const name = `${mode === 'easy' ? 'procgen-single' : `procgen-${mode}`}/${game}`;
    return resolveConfig(changed(name, procgenSingle(game, mode), call, overrides), call, []).config;
  },
  /** The toy game catch: seconds. */
  tiny: (overrides: Overrides<Tiny> = {}): Config => preset('tiny', 'presets.tiny({...})', overrides),
  /** Gymnasium's CartPole, or with `env` an environment of your own. */
  cartpole: (overrides: Overrides<Gymnasium> = {}): Config =>
    preset('cartpole', 'presets.cartpole({...})', overrides),
} as const;
