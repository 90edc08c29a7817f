/** Whole runs. */
export {
  declaredIn,
  describeConfig,
  graphsOf,
  MODULE_DEPTH,
  spacesOf,
  type Description,
} from './describe.ts';
export { evaluateRun, resumeRun, startRun, type EvaluateRunOptions, type RunOptions } from './runs.ts';
export { openSession, train, type SessionOptions, type TrainOptions } from './train.ts';
