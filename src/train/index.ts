/** Training rules and the loop around them. */
export {
  actGraph,
  agentFor,
  agentOf,
  applyPolicy,
  initialStateGraph,
  noiseGraph,
  policySpecs,
  stateNames,
  type Agent,
  type Play,
  type Spaces,
} from './agent.ts';
export { burnInGraph } from './burn-in.ts';
export { latestCheckpoint, requireCheckpoint, restoreCheckpoint, type Checkpoint } from './checkpoints.ts';
export {
  curriculum,
  type Curriculum,
  type CurriculumChoice,
  type CurriculumInput,
  type Json,
  type LevelQueue,
  type ScoredEpisode,
} from './curriculum.ts';
export {
  prioritizedLevelReplay,
  replayProbabilities,
  type LevelReplayOptions,
  type LevelReplayState,
} from './level-replay.ts';
export { Collector } from './collector.ts';
export { openPool, poolSpec, type OpenPool } from './environment.ts';
export { slotTasks } from './tasks.ts';
export type * from './events.ts';
export {
  gradientTransform,
  mapTensors,
  type GradientsGiven,
  type NamedTensors,
  type GradientTransform,
} from './gradient-transform.ts';
export { unrollsOfCycle, windowGraphs, windowSizes } from './impala/column-window.ts';
export { impalaObjective } from './impala/objective.ts';
export { popArtGraphs } from './impala/popart.ts';
export { Learner } from './learner.ts';
export { trainingLoop, updateLoop, type LoopOptions } from './loop.ts';
export { makeFolder } from './make-folder.ts';
export { ownNames, requireOwnParts, type OwnParts } from './own.ts';
export { createParameters, SET, type Parts } from './parts.ts';
export { printObservation } from './print-observation.ts';
export { ppoObjective } from './ppo/objective.ts';
export { measureUpdates, type Measurement, type ProfileOptions, type Spent } from './profile.ts';
export { targetsGraph } from './ppo/targets.ts';
export {
  readEnd,
  readRecord,
  RunDirectory,
  writeWhole,
  type OwnRecord,
  type RunRecord,
} from './run-directory.ts';
export { fromArray, HostArray, type FromArrayOptions, type NestedArray } from './host-array.ts';
export { loadTensors, saveTensors } from './safetensors.ts';
export {
  frame,
  handle,
  key,
  Session,
  type ComputeInputs,
  type ComputeOptions,
  type Places,
} from './session.ts';
export { TensorHandle } from './tensor-handle.ts';
export { librarySeed, permutation, randomKey, uniformStream } from './streams.ts';
