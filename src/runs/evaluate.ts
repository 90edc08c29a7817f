/** Evaluation of a run's newest checkpoint. What `srwm evaluate` is. */
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import { evaluate, planEvaluation, type EvaluationPlan, type EvaluationRequest } from '../evaluate/index.ts';
import { reportOf, type EvaluationReport } from '../metrics/index.ts';
import {
  agentFor,
  readRecord,
  requireCheckpoint,
  Session,
  writeWhole,
  type Agent,
  type OwnParts,
  type Places,
} from '../train/index.ts';
import { spacesOf } from './describe.ts';
import { ownPartsOf } from './own-file.ts';
import { trainedAgent } from './trained.ts';

export interface EvaluateRunOptions extends EvaluationRequest {
  readonly folder: string;
  readonly places: Places;
  readonly baselines: boolean;
  readonly signal: AbortSignal;
  /** Loaded from the run's file unless they are given. */
  readonly own?: OwnParts;
}

/** A report, and the file that holds it with every episode. */
export interface KeptEvaluation extends EvaluationReport {
  readonly file: string;
}

/**
 * What would be played, checked before anything starts.
 *
 * @throws SrwmError EVALUATE_PLAN
 */
export function planOf(config: Config, request: EvaluationRequest, own: OwnParts): EvaluationPlan {
  const plan = planEvaluation(config, request);
  // What a Gymnasium environment shows, and so its agent, is known when it has opened.
  if (plan.state === 'unroll' && config.environment.kind !== 'gymnasium')
    requireState(agentFor(config, spacesOf(config.environment), own));
  return plan;
}

/** @throws SrwmError EVALUATE_PLAN */
export function requireState(agent: Agent): void {
  if (Object.keys(agent.policy.stateShapes(1)).length > 0) return;
  throw new SrwmError(
    'EVALUATE_PLAN',
    'evaluate: state "unroll" needs a core that carries a state, but the core of this run has none.',
    { remedy: 'Leave it out: such an agent plays the same either way.' },
  );
}

/** Evaluates the newest checkpoint of a run, and keeps the report with every episode beside it. */
export async function evaluateRun(options: EvaluateRunOptions): Promise<KeptEvaluation> {
  const { folder, places, signal } = options;
  const record = readRecord(folder);
  const { config } = record;
  const own = options.own ?? (await ownPartsOf(folder, record));
  requireCheckpoint(folder, () => undefined);
  const plan = planOf(config, options, own);
  await using session = await Session.start(places, config.hardware, { logFile: null, signal });
  const { agent, checkpoint } = await trainedAgent(session, config, places, folder, own);
  if (plan.state === 'unroll') requireState(agent);
  const evaluation = await evaluate({
    session,
    config,
    places,
    agent,
    plan,
    baselines: options.baselines,
    run: folder,
    update: checkpoint.counters.updates,
    signal,
  });
  const stamp = new Date().toISOString().replaceAll(':', '');
  const file = path.join(folder, 'evaluations', `${checkpoint.counters.updates}-${stamp}.json`);
  writeWhole(file, `${JSON.stringify(evaluation)}\n`);
  return { ...reportOf(evaluation), file };
}
