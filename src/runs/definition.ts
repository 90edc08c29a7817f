/** What a person's file says of a run: its configuration, and the parts that are their own. */
import type { Config } from '../config/index.ts';
import { requireOwnParts, type OwnParts } from '../train/index.ts';

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
  return { config, own: requireOwnParts(own, 'defineRun') };
}

/** The definition that a value is, or null; one without parts of its own may leave them out. */
export function definitionOf(value: unknown): RunDefinition | null {
  if (typeof value !== 'object' || value === null || !('config' in value)) return null;
  const { config, own = {} } = value as { readonly config: Config; readonly own?: OwnParts };
  return { config, own };
}
