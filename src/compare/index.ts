/** Comparing runs by their evaluations. */
export { compare, compareWith, planComparison, type CompareOptions, type Comparison } from './compare.ts';
export type * from './report.ts';
