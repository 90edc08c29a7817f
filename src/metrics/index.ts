/** Numbers about a run. */
export * from './progress.ts';
export type * from './report.ts';
export * from './statistics.ts';
