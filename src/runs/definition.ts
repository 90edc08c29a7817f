/** What a person's file says of a run: its configuration, and the parts that are their own. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import { OWN_PARTS, type OwnParts } from '../train/index.ts';

/** What a .ts file default-exports for `srwm train file.ts`. */
export interface RunDefinition {
  readonly config: Config;
  readonly own: OwnParts;
}

/**
 * A run: its configuration, and parts of your own in place of those it names.
 *
 * @example export default defineRun(presets.tiny({ seed: 7 }), { core: stepCore('leaky', { size: 32 }, step) });
 * @throws SrwmError CONFIG_INVALID when a part has no such name, or is not what its name says.
 */
export function defineRun(config: Config, own: OwnParts = {}): RunDefinition {
  const unknown = Object.keys(own).filter((name) => !(OWN_PARTS as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new SrwmError(
      'CONFIG_INVALID',
      `defineRun: own parts must be of ${OWN_PARTS.join(', ')}, got ${unknown.join(', ')}.`,
    );
  }
  const needs = (name: keyof OwnParts, fits: boolean, made: string): void => {
    if (own[name] === undefined || fits) return;
    throw new SrwmError('CONFIG_INVALID', `defineRun: "${name}" must be ${made}, got ${typeof own[name]}.`, {
      remedy: 'See docs/writing-a-model.md.',
    });
  };
  needs('encoder', typeof own.encoder === 'function', 'a function of observations');
  needs('policy', typeof own.policy === 'function', 'made by policy({ ... })');
  needs('core', typeof own.core?.apply === 'function', 'made by stepCore(...) or { stateShapes, apply }');
  needs('loss', typeof own.loss?.compute === 'function', 'made by objective(name, ...)');
  needs('gradients', typeof own.gradients?.graphFor === 'function', 'made by gradientTransform(name, ...)');
  return { config, own };
}

/** The definition that a value is, or null; one without parts of its own may leave them out. */
export function definitionOf(value: unknown): RunDefinition | null {
  if (typeof value !== 'object' || value === null || !('config' in value)) return null;
  const { config, own = {} } = value as { readonly config: Config; readonly own?: OwnParts };
  return { config, own };
}
