/** What the shared loop asks of a training rule. Both of ours are TypeScript over the same worker verbs. */
import type { Graph } from '../graph/index.ts';
import type { TrainConfig } from '../config/index.ts';
import type { UnrollHandles } from './collector.ts';
import type { UpdateResult } from './learner.ts';

/** One unroll that was just collected, and the counters that its updates need. */
export interface UnrollContext {
  readonly unrollIndex: number;
  /** Env steps of all slots before this unroll. */
  readonly envStepsBefore: number;
  /** Core-state name to the handle of its value before the unroll. */
  readonly initialState: Readonly<Record<string, string>>;
  readonly unroll: UnrollHandles;
  /** The parameter set that collected the unroll, and its version then. */
  readonly behaviourSet: string;
  readonly behaviourVersion: number;
}

export interface AlgorithmUpdate extends UpdateResult {
  readonly learningRate: number;
  /** Updates between the parameters that collected a column and those that learnt from it; the mean over the columns. */
  readonly policyLag: number;
}

export interface Algorithm {
  /** Graphs besides acting, by name, for the run directory. */
  readonly graphs: readonly Graph[];
  /** Named state that a checkpoint must hold. */
  readonly stateHandles: readonly string[];
  /**
   * Of each column that is left over for the next update, oldest first: the version of the parameters that collected
   * it. Set before a resumed run goes on.
   */
  leftOver: readonly number[];
  /** Loads graphs and, for a fresh run, makes the named state. */
  prepare(fresh: boolean): Promise<void>;
  /** What must see the core state behind the unroll, and the parameters that collected it, before either moves on. */
  begin(context: UnrollContext): Promise<void>;
  /**
   * |A_t| of every step, [T, B], with A_t the advantage before any normalisation: how wrong the values were. Only a
   * curriculum asks for it, behind `begin`.
   */
  scores(context: UnrollContext): Promise<readonly number[]>;
  /** Every update that the unroll makes possible, one by one; where columns are left over that may be none. */
  learn(context: UnrollContext): AsyncIterable<AlgorithmUpdate>;
}

/** The learning rate after `envSteps` of the run's budget. */
export function learningRateAt(train: TrainConfig, envSteps: number): number {
  if (train.schedule.kind === 'constant') return train.learningRate;
  return train.learningRate * Math.max(0, 1 - envSteps / train.totalEnvSteps);
}
