/** Numbers about a run. */
export * from './progress.ts';
export * from './report.ts';
export * from './score-ranges.ts';
export * from './statistics.ts';
