/** Configuration: schemas, defaults, presets, and their resolution. */
export { defineRun, presets, type RunDefinition } from './api.ts';
export { presetList, presetNamed, type Preset } from './presets.ts';
export { parseAssignment, resolveConfig, type Assignment, type ResolvedConfig } from './resolve.ts';
export { configSchema } from './schema.ts';
export type * from './schema.ts';
