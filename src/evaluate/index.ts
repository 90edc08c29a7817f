/** Evaluation of agents, and of policies that never look. */
export { withPool, type Arena } from './arena.ts';
export { playLedger, type LedgerOptions } from './ledger.ts';
export { evaluate, type EvaluationOptions } from './evaluate.ts';
export {
  hasLevels,
  planEvaluation,
  PROTOCOLS,
  SPLITS,
  STATES,
  type EvaluationPlan,
  type EvaluationRequest,
  type LevelRange,
  type Protocol,
  type Split,
  type StateHandling,
} from './protocols.ts';
export { recordEpisodes, type RecordOptions, type Video } from './record.ts';
export { planRecording, type RecordingPlan, type RecordingRequest } from './recording.ts';
