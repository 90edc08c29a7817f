/** Measures whole unrolls with all their updates: where the worker's and the driver's time goes. */
import type { NodeTime, OtherTime } from '../../bridge/protocol/messages.ts';
import type { Config } from '../config/index.ts';
import type { Graph } from '../graph/index.ts';
import { unrollsOfCycle } from './impala/column-window.ts';
import type { OwnParts } from './own.ts';
import { makeParts, type Parts } from './parts.ts';
import type { Places, Session } from './session.ts';
import { randomKey } from './streams.ts';

export interface ProfileOptions {
  readonly session: Session;
  readonly config: Config;
  readonly places: Places;
  readonly own?: OwnParts;
  /** Unrolls before anything is measured; rounded up so that no column is left over, and so is the other. */
  readonly warmUp: number;
  /** Unrolls that are measured, once without and once with the profiler. */
  readonly unrolls: number;
  /** Absolute path of a Chrome trace to write, or null. */
  readonly trace: string | null;
}

/** Seconds of some unrolls, by what they were spent on; `worker` holds the four before it. */
export interface Spent {
  updates: number;
  act: number;
  env: number;
  learn: number;
  optimizer: number;
  worker: number;
  wall: number;
}

export interface Measurement {
  /** Without the profiler. */
  readonly plain: Spent;
  /** Under the profiler: what `nodes` and `others` are parts of. */
  readonly profiled: Spent;
  readonly nodes: readonly NodeTime[];
  readonly others: readonly OtherTime[];
  /** Every graph that ran, by hash. */
  readonly graphs: ReadonlyMap<string, Graph>;
  /** Hashes of the graphs that act, and of those with a loss. */
  readonly acting: ReadonlySet<string>;
  readonly learning: ReadonlySet<string>;
}

/** Trains fresh parameters for as many unrolls as asked, and keeps nothing but what it measured. */
export async function measureUpdates(options: ProfileOptions): Promise<Measurement> {
  const { session, config, places, own, trace } = options;
  const cycle = unrollsOfCycle(config.environment.numEnvs, config.train.batchSize);
  const wholeCycles = (unrolls: number) => cycle * Math.ceil(unrolls / cycle);
  const [warmUp, unrolls] = [wholeCycles(options.warmUp), wholeCycles(options.unrolls)];
  // Where lanes overlap nobody could say what a part of the time was spent on.
  const synchronous = { ...config, train: { ...config.train, lanes: 'synchronous' as const } };
  const parts = await makeParts(session, synchronous, places, true, own);
  const state = { unrolls: 0, envSteps: 0 };
  await measure(options, parts, state, warmUp);
  const plain = await measure(options, parts, state, unrolls);
  // The profiler's own start takes seconds the first time, and so do the first calls of the graphs with ranges.
  await session.call('profile_begin', {});
  await measure(options, parts, state, cycle);
  await session.call('profile_end', { trace: null });
  await session.call('profile_begin', {});
  const profiled = await measure(options, parts, state, unrolls);
  const { nodes, others } = await session.call('profile_end', { trace });
  const hashes = [...new Set(nodes.map(({ graph }) => graph))];
  const hasLoss = ({ spec }: Graph): boolean => spec.outputs.some(({ name }) => name === 'loss');
  return {
    plain,
    profiled,
    nodes,
    others,
    graphs: new Map(hashes.map((hash) => [hash, session.graphOf(hash)])),
    acting: new Set(parts.collector.graphs.map(({ hash }) => hash)),
    learning: new Set(parts.algorithm.graphs.filter(hasLoss).map(({ hash }) => hash)),
  };
}

async function measure(
  { session, config }: ProfileOptions,
  { collector, algorithm, learner, pool }: Parts,
  state: { unrolls: number; envSteps: number },
  unrolls: number,
): Promise<Spent> {
  const { statistics } = session.worker;
  const spent: Spent = { updates: 0, act: 0, env: 0, learn: 0, optimizer: 0, worker: 0, wall: 0 };
  const [started, workerBefore] = [performance.now(), statistics.workerSeconds];
  for (let i = 0; i < unrolls; i++) {
    const unroll = await collector.collect(randomKey(config.seed, 'actions', state.unrolls));
    spent.act += unroll.act_seconds;
    spent.env += unroll.env_seconds;
    const context = {
      unrollIndex: state.unrolls,
      envStepsBefore: state.envSteps,
      ...collector.handlesOf(0),
      behaviourSet: learner.set,
      behaviourVersion: learner.version,
    };
    await algorithm.begin(context);
    for await (const { learnSeconds, optimizerSeconds } of algorithm.learn(context)) {
      spent.updates += 1;
      spent.learn += learnSeconds - optimizerSeconds;
      spent.optimizer += optimizerSeconds;
    }
    state.unrolls += 1;
    state.envSteps += pool.numEnvs * config.train.unrollLength;
  }
  spent.wall = (performance.now() - started) / 1000;
  spent.worker = statistics.workerSeconds - workerBefore;
  return spent;
}
