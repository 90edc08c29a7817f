/** Whole runs. */
export { defineRun, definitionOf, type RunDefinition } from './definition.ts';
export {
  declaredIn,
  describeConfig,
  graphsOf,
  MODULE_DEPTH,
  spacesOf,
  type Description,
} from './describe.ts';
export { newRunFolder } from './folder.ts';
export { impala, ppo, type ImpalaLoop, type LoopEnd, type LoopParts, type PpoLoop } from './loops.ts';
export { loadModule, settled, withAuthorsLine } from './module.ts';
export { ownPartsOf } from './own-file.ts';
export { profileConfig, type ProfiledLine, type ProfileReport, type ProfileRequest } from './profile.ts';
export { evaluateRun, planOf, type EvaluateRunOptions, type KeptEvaluation } from './evaluate.ts';
export { record, recordingPlan, recordRun, type RecordingOptions, type RecordingReport } from './record.ts';
export { resumeRun, startRun, type RunOptions } from './runs.ts';
export { askSpaces } from './spaces.ts';
export { openSession, type SessionOptions } from './session.ts';
export { train, type EvaluateOptions, type Run, type RunResult, type TrainOptions } from './train.ts';
export { requireTypes } from './types.ts';
