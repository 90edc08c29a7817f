/** What public functions take and return, by name: for those who wrap them. Types only. */
export type { SrwmErrorOptions } from '../bridge/protocol/errors.ts';
export type { SequenceCoreContext, SrwmCoreOptions } from './api/index.ts';
export type {
  AlgorithmConfig,
  CoreChanges,
  EnvironmentConfig,
  EnvironmentOptions,
  EvaluationConfig,
  LoopSettings,
  ModelConfig,
  TrainConfig,
} from './config/index.ts';
export type {
  Bptt,
  CallSite,
  ConvolutionOptions,
  GraphCode,
  Inputs,
  InputSpecs,
  Operand,
  Outputs,
  ParameterDeclaration,
  ReductionOptions,
  ScanOptions,
  ScanStep,
  SequenceOptions,
  TransposedOptions,
  WindowOptions,
} from './graph/index.ts';
export type { CompareNote, ComparePair, CompareRow, GapRow, Interval } from './compare/index.ts';
export type { EvaluationRequest, Protocol, Split, StateHandling } from './evaluate/index.ts';
export type {
  Estimate,
  EvaluationRecord,
  EvaluationReport,
  GameResult,
  LevelRow,
  Normalization,
  ScoreSet,
  SplitResult,
  TimeShares,
} from './metrics/index.ts';
export type {
  CoreState,
  ImpalaResnetOptions,
  InitializationScheme,
  MlpOptions,
  PatchConvOptions,
  PolicyInputs,
  PolicyOutputs,
  PolicyParts,
  SchemeName,
} from './models/index.ts';
export type { Conv2dOptions, LinearOptions } from './nn/index.ts';
export type {
  BehaviourPolicy,
  GaeInputs,
  ObjectiveBatch,
  ReturnStatistics,
  TargetPolicy,
  VtraceInputs,
  VtraceOptions,
  VtraceTargets,
} from './objectives/index.ts';
export type { EvaluateOptions, KeptEvaluation, LoopParts, SessionOptions } from './runs/index.ts';
export type {
  PlannedRun,
  SweepFailure,
  SweepGroup,
  SweepMeasure,
  SweepOptions,
  SweepRow,
} from './sweeps/index.ts';
export type {
  Checkpointed,
  ComputeInputs,
  CurriculumChoice,
  CurriculumInput,
  Json,
  LevelQueue,
  LevelReplayOptions,
  LevelReplayState,
  ScoredEpisode,
  ComputeOptions,
  Debugged,
  Evaluated,
  FromArrayOptions,
  GradientsGiven,
  NamedTensors,
  NestedArray,
  Places,
  RunEnd,
  RunStart,
  Warned,
} from './train/index.ts';
