/** The configuration as scripts see it. */
import { presetNamed } from './presets.ts';
import type { Config } from './schema.ts';

/** Whole configurations by name; change one with a spread. */
export const presets = {
  /** StarPilot with a small network: minutes on two cores. */
  quickstart: (): Config => presetNamed('quickstart').config(),
  /** The quickstart with a longer budget. */
  procgenSmall: (): Config => presetNamed('procgen-small').config(),
  /** The paper's six easy games and network. */
  procgenEasy: (): Config => presetNamed('procgen-easy').config(),
  /** The toy game catch: seconds. */
  tiny: (): Config => presetNamed('tiny').config(),
} as const;

/** What a .ts file default-exports for `srwm train file.ts`. */
export interface RunDefinition {
  readonly config: Config;
}

/** @example export default defineRun({ ...presets.tiny(), seed: 7 }) */
export function defineRun(config: Config): RunDefinition {
  return { config };
}
