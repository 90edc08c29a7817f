/** The training loop: collect an unroll, learn from it, say what happened; checkpoints at borders between unrolls. */
import type { Config } from '../config/index.ts';
import { checkLoss } from '../graph/index.ts';
import type { Agent } from './agent.ts';
import { latestCheckpoint, restoreCheckpoint, writeCheckpoint, type Contents } from './checkpoints.ts';
import { CurriculumRunner, type CurriculumState } from './curriculum-runner.ts';
import type { Debugged, Evaluated, RunEnd, RunEvent, Update, Warned } from './events.ts';
import { makeParts, type Parts } from './parts.ts';
import { Progress } from './progress.ts';
import type { OwnParts } from './own.ts';
import type { RunDirectory } from './run-directory.ts';
import type { Places, Session } from './session.ts';
import { scaleWarnings } from './spaces.ts';
import { Unrolls, type Collected } from './unrolls.ts';

export interface LoopOptions {
  readonly session: Session;
  readonly config: Config;
  readonly places: Places;
  readonly run: RunDirectory;
  /** Parts that take the place of the configuration's. */
  readonly own?: OwnParts;
  /** Ends the run at the next border between unrolls, with a checkpoint. */
  readonly stop: AbortSignal;
  /** What the agent is worth after so many updates; null when the person stopped it. */
  readonly evaluate?: (agent: Agent, update: number) => Promise<Evaluated | null>;
}

/** Yields every event of the run; the last is `run_end`. Starts from the newest whole checkpoint, if there is one. */
export async function* trainingLoop(options: LoopOptions): AsyncGenerator<RunEvent, Parts> {
  const { session, config, run, stop } = options;
  const warnings: string[] = [];
  const checkpoint = latestCheckpoint(run.folder, (message) => warnings.push(message));
  const parts = await makeParts(session, config, options.places, checkpoint === null, options.own);
  const waiting = checkpoint?.counters.waiting ?? null;
  if (checkpoint !== null) await restoreCheckpoint(session, checkpoint, contentsWith(parts, waiting));
  const unrolls = unrollsOf(session, config, parts, waiting);
  for (const graph of parts.graphs) run.writeGraph(graph);
  const progress = new Progress(config, parts, checkpoint?.counters ?? null, session);
  progress.curriculum = runnerOf(options, parts, checkpoint?.counters.curriculum ?? null);
  run.dropRowsBeyond(progress);
  for (const graph of parts.algorithm.graphs) {
    if (graph.spec.outputs.some(({ name }) => name === 'loss')) warnings.push(...checkLoss(graph, 'loss'));
  }
  if (options.own?.encoder === undefined && options.own?.policy === undefined)
    warnings.push(...scaleWarnings(config.model, parts.pool));
  for (const message of warnings) yield { type: 'warning', message };
  yield progress.startEvent(run.folder, session.device);
  for (const { op, implementation, reason } of session.kernels) {
    if (implementation === 'reference') {
      yield { type: 'warning', message: `kernels: the slow reference serves ${op}: ${reason}.` };
    }
  }

  // An unroll may be too small for an update, so neither count tells the other.
  let saved = checkpoint === null ? null : { updates: progress.updates, unrolls: progress.unrolls };
  const save = async (): Promise<RunEvent> => {
    const left = await unrolls.settle();
    const counters = { ...progress.counters, ...(left && { waiting: left }) };
    const contents = contentsWith(parts, left);
    const made = await writeCheckpoint(session, run.folder, contents, counters, config.checkpoint.keep);
    saved = { updates: progress.updates, unrolls: progress.unrolls };
    return { type: 'checkpoint', update: progress.updates, env_steps: progress.envSteps, path: made.folder };
  };
  for (;;) {
    if (options.evaluate !== undefined && isEvaluationDue(config, progress) && !stop.aborted) {
      const { evaluate } = options;
      const evaluated = await progress.aside(() => evaluate(parts.agent, progress.updates));
      if (evaluated !== null) {
        progress.evaluated = progress.updates;
        yield evaluated;
      }
    }
    if (progress.envSteps >= config.train.totalEnvSteps || stop.aborted) break;
    yield* unrollAndLearn(parts, config, progress, unrolls);
    if (progress.updates - (saved?.updates ?? 0) >= config.checkpoint.everyUpdates) yield await save();
  }
  if (saved?.unrolls !== progress.unrolls) yield await save();
  yield await progress.endEvent(run.folder);
  return parts;
}

/** At the first border behind a multiple of `everyUpdates`; the evaluation at the end has one of its own. */
function isEvaluationDue({ evaluation, train }: Config, progress: Progress): boolean {
  const every = evaluation.everyUpdates;
  if (every === null || Math.floor(progress.evaluated / every) === Math.floor(progress.updates / every))
    return false;
  return !(evaluation.atEnd && progress.envSteps >= train.totalEnvSteps);
}

/** Only the updates of a fresh run: no folder, no checkpoint; the rest goes to the listeners. Returns the end. */
export async function* updateLoop(
  options: Omit<LoopOptions, 'run'> & {
    readonly onDebug?: (event: Debugged) => void;
    readonly onWarning?: (event: Warned) => void;
  },
): AsyncGenerator<Update, RunEnd> {
  const { session, config, stop } = options;
  const parts = await makeParts(session, config, options.places, true, options.own);
  const progress = new Progress(config, parts, null, session);
  progress.curriculum = runnerOf(options, parts, null);
  const unrolls = unrollsOf(session, config, parts, null);
  while (progress.envSteps < config.train.totalEnvSteps && !stop.aborted) {
    for await (const event of unrollAndLearn(parts, config, progress, unrolls)) {
      if (event.type === 'update') yield event;
      else if (event.type === 'debug') options.onDebug?.(event);
      else options.onWarning?.(event);
    }
  }
  return progress.endEvent('');
}

function runnerOf(
  { session, config, own }: Omit<LoopOptions, 'run'>,
  { pool }: Parts,
  kept: CurriculumState | null,
): CurriculumRunner | null {
  if (own?.curriculum === undefined) return null;
  const { name, games } = pool;
  return new CurriculumRunner({
    session,
    curriculum: own.curriculum,
    pool: name,
    games,
    seed: config.seed,
    kept,
  });
}

function unrollsOf(session: Session, config: Config, parts: Parts, waiting: Collected | null): Unrolls {
  const { learner, collector, behaviourSet, overlapped } = parts;
  return new Unrolls({ session, learner, collector, behaviourSet, overlapped, seed: config.seed }, waiting);
}

/** What a checkpoint holds, the unroll that waits to be learnt from included. */
function contentsWith({ contents, collector }: Parts, waiting: Collected | null): Contents {
  if (waiting === null) return contents;
  return { ...contents, handles: [...contents.handles, ...collector.allHandlesOf(waiting.place)] };
}

async function* unrollAndLearn(
  { collector, algorithm, learner, pool }: Parts,
  config: Config,
  progress: Progress,
  unrolls: Unrolls,
): AsyncGenerator<Update | Debugged | Warned> {
  const unrollIndex = progress.unrolls;
  const envStepsBefore = progress.envSteps;
  await progress.curriculum?.choose(unrollIndex);
  const { reply, behaviourVersion, place } = await unrolls.next(unrollIndex);
  progress.collected(reply, pool.numEnvs * config.train.unrollLength);
  for (const { code, message } of reply.faults) yield { type: 'warning', code, message };
  const seen: Debugged[] = [];
  learner.onObservations = (observations, update) =>
    seen.push(...observations.map((one) => ({ type: 'debug' as const, update, ...one })));
  try {
    const context = {
      unrollIndex,
      envStepsBefore,
      ...collector.handlesOf(place),
      behaviourSet: unrolls.behaviourSet,
      behaviourVersion,
    };
    await algorithm.begin(context);
    if (progress.curriculum !== null) {
      const scores = await algorithm.scores(context);
      await progress.curriculum.collected(reply.episodes, scores, context.unroll.isFirst);
    }
    if (progress.envSteps < config.train.totalEnvSteps) unrolls.begin(unrollIndex + 1);
    for await (const update of algorithm.learn(context)) {
      progress.watch.add('learn', update.learnSeconds);
      yield* seen.splice(0);
      yield progress.updateEvent(update);
    }
  } catch (error) {
    // What was seen of an update that fails is what somebody looks for.
    yield* seen.splice(0);
    throw error;
  }
  progress.unrolls += 1;
}
