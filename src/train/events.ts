/** What a run says while it goes on: one union, also the JSON Lines of `srwm train --json`. */
import type { KernelUse } from '../../bridge/protocol/messages.ts';
import type { Observation } from '../graph/index.ts';
import type { Estimate, EvaluationReport, TimeShares } from '../metrics/index.ts';

/** Event: the first of a run; what it runs on, and what serves its kernels. */
export interface RunStart {
  readonly type: 'run_start';
  readonly run: string;
  readonly seed: number;
  readonly device: string;
  readonly parameters: number;
  /** Updates and env steps already done: more than 0 when resumed. */
  readonly updates: number;
  readonly env_steps: number;
  readonly total_env_steps: number;
  /** Which implementation serves which op, and why: "srwm" learns, "srwm_step" acts. */
  readonly kernels: readonly KernelUse[];
}

/** One optimizer step and what it was worth. */
export interface Update {
  readonly type: 'update';
  readonly index: number;
  readonly env_steps: number;
  readonly seconds: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly grad_norm: number;
  readonly learning_rate: number;
  /** Updates since the parameters that collected this data; the mean over its columns where they differ in that. */
  readonly policy_lag: number;
  readonly env_steps_per_second: number;
  /** Of the last 200 training episodes of all games together; null before the first one ends. */
  readonly episode_return: Estimate | null;
  /** Of the last 200 training episodes of each game that has finished one. */
  readonly episode_returns: Readonly<Record<string, Estimate>>;
  /** Mean over the games of their normalised mean returns; null before each game has one, and without constants. */
  readonly normalized_return: number | null;
  readonly shares: TimeShares;
}

/** What `debug.print` or `debug.watch` saw in an update; comes before that update's own event. */
export interface Debugged extends Observation {
  readonly type: 'debug';
  readonly update: number;
}

/** Event: a checkpoint was written whole. */
export interface Checkpointed {
  readonly type: 'checkpoint';
  readonly update: number;
  readonly env_steps: number;
  readonly path: string;
}

/** Event: an evaluation during or at the end of the run. */
export interface Evaluated extends EvaluationReport {
  readonly type: 'evaluation';
}

/** Event: something that does not end the run, in one sentence. */
export interface Warned {
  readonly type: 'warning';
  readonly message: string;
  /** Of a failure that the run survived; see docs/troubleshooting.md. */
  readonly code?: string;
}

/** Event: the last of a run. */
export interface RunEnd {
  readonly type: 'run_end';
  readonly run: string;
  readonly updates: number;
  readonly env_steps: number;
  readonly seconds: number;
  readonly parameters_sha256: string;
  /** False when the person stopped the run; `srwm resume` goes on. */
  readonly finished: boolean;
}

/** Everything that a run says; `type` tells which. */
export type RunEvent = RunStart | Update | Debugged | Checkpointed | Evaluated | Warned | RunEnd;
