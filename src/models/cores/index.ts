/** Sequence cores. */
export type { Carry } from './carry.ts';
export type { CoreContext, CoreState, SequenceCore } from './core.ts';
export { feedForwardCore } from './feed-forward.ts';
export { stepCore } from './step-core.ts';
export { CORE_KINDS, makeCore, type CoreKind, type CoreOptions } from './table.ts';
