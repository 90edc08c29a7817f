/** Many runs as one: grids, seeds, and their table. */
export { defineSweep, isSweep, type SweepDefinition } from './definition.ts';
export { planSweep, type PlannedRun } from './plan.ts';
export type { SweepFailure, SweepGroup, SweepMeasure, SweepReport, SweepRow } from './report.ts';
export { runSweep, sweep, type SweepOptions, type SweepRunOptions } from './sweep.ts';
