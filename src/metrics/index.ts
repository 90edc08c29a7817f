/** Numbers about a run. */
export * from './progress.ts';
export * from './statistics.ts';
