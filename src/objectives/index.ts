/** Pure traced functions: targets and losses. */
export * from './advantages.ts';
export * from './losses.ts';
export * from './vtrace.ts';
export * from './objective.ts';
export * from './popart.ts';
