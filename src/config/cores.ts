/** A core as scripts write it: its kind, and the keys that differ from the defaults. */
import { z } from 'zod';
import { coreFaults } from './consistency.ts';
import { cores } from './core-defaults.ts';
import { coreSchema, type CoreConfig } from './core-schema.ts';
import { leavesOf, type SectionChanges } from './overrides.ts';
import { resolveWith } from './resolve.ts';

const section = z.strictObject({ model: z.strictObject({ core: coreSchema }) });

/** A kind of core with any of its keys. */
export type CoreChanges = SectionChanges<CoreConfig, never>;

/** @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once. */
export function coreOf(changes: CoreChanges, who: string): CoreConfig {
  const assignments = leavesOf('model.core', changes, who);
  const base = { model: { core: cores.feed_forward } };
  const check = ({ model }: z.infer<typeof section>, sourceOf: (key: string) => string) =>
    coreFaults(model.core, sourceOf);
  return resolveWith(section, base, who, assignments, check).value.model.core;
}
