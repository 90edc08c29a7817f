/** Configuration: schemas, defaults, presets, and their resolution. */
export { presets } from './api.ts';
export type { Assignment } from './assignment.ts';
export { cores } from './core-defaults.ts';
export { levelReplay } from './curricula.ts';
export { quoted } from './fault.ts';
export { coreOf, type CoreChanges } from './cores.ts';
export type { CoreConfig } from './core-schema.ts';
export { algorithms, encoders } from './defaults.ts';
export { catchGame, gymnasium, hardwareOf, procgen, recall } from './environments.ts';
export type { Game } from './games.ts';
export { loopConfig, type LoopSettings } from './loops.ts';
export type { EnvironmentOptions, Overrides } from './overrides.ts';
export { presetList, presetNamed, presetRows, type Preset } from './presets.ts';
export { parseAssignment, resolveConfig, type ResolvedConfig } from './resolve.ts';
export { configSchema, LAST_LEVEL, MOST_SLOTS } from './schema.ts';
export type * from './schema.ts';
export { RUNS, SIGNIFICANCE, statistics } from './statistics.ts';
