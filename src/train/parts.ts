/** Everything a run is made of, wired up: pool, agent, parameters, collector, learner, algorithm. */
import type { Config } from '../config/index.ts';
import type { Graph } from '../graph/index.ts';
import type { Objective } from '../objectives/index.ts';
import { actGraph, agentFor, type Agent } from './agent.ts';
import type { Algorithm } from './algorithm.ts';
import type { Contents } from './checkpoints.ts';
import { Collector } from './collector.ts';
import { openPool, poolSpec, type OpenPool } from './environment.ts';
import { impalaAlgorithm } from './impala/algorithm.ts';
import { Learner } from './learner.ts';
import type { OwnParts } from './own.ts';
import { ppoAlgorithm } from './ppo/algorithm.ts';
import type { Places, Session } from './session.ts';
import { librarySeed } from './streams.ts';

/** Names of a run's objects in the worker. */
export const SET = 'agent';
/** The parameters that act while those of the agent are learnt. */
const ACTOR = 'actor';
const OPTIMIZER = 'agent';
const POOL = 'train';
const OWNER = 'train';

export interface Parts {
  readonly pool: OpenPool;
  readonly agent: Agent;
  readonly learner: Learner;
  readonly collector: Collector;
  readonly algorithm: Algorithm;
  readonly graphs: readonly Graph[];
  readonly parameterCount: number;
  /** The parameter set that collects, and whether it does so while another unroll is learnt from. */
  readonly behaviourSet: string;
  readonly overlapped: boolean;
  readonly contents: Contents;
}

/** Opens and makes everything; a fresh run also gets its initial state, a resumed one takes it from a checkpoint. */
export async function makeParts(
  session: Session,
  config: Config,
  places: Places,
  fresh: boolean,
  own: OwnParts = {},
): Promise<Parts> {
  const seed = librarySeed(config.seed, 'pool');
  const pool = await openPool(session, POOL, poolSpec(config.environment, seed, places));
  const agent = agentFor(config, pool, own);
  const parameterCount = await createParameters(session, agent, config.seed);
  const learner = new Learner(session, SET, OPTIMIZER, config.train.maxGradNorm, own.gradients);
  await learner.create(config.train.optimizer);
  // A curriculum chooses levels from what the last unroll came to, so it waits for that.
  const overlapped = own.curriculum === undefined && isOverlapped(config, session.device);
  const behaviourSet = overlapped ? ACTOR : SET;
  if (overlapped) await createParameters(session, agent, config.seed, ACTOR);
  const collector = new Collector(session, {
    agent,
    set: behaviourSet,
    pool: POOL,
    numEnvs: pool.numEnvs,
    unrollLength: config.train.unrollLength,
    play: 'sampled',
    owner: OWNER,
    keep: true,
    lane: overlapped && runsAtOnce(config, session.device) ? 'act' : undefined,
  });
  const algorithm = algorithmOf(session, learner, agent, config, own.loss);
  await collector.prepare();
  await algorithm.prepare(fresh);
  if (fresh) await collector.reset();
  return {
    pool,
    agent,
    learner,
    collector,
    algorithm,
    graphs: [...collector.graphs, ...algorithm.graphs],
    parameterCount,
    behaviourSet,
    overlapped,
    contents: {
      sets: overlapped ? [SET, ACTOR] : [SET],
      optimizers: [OPTIMIZER],
      handles: [...collector.stateHandles, ...algorithm.stateHandles],
      pools: [POOL],
    },
  };
}

/** PPO's clip is around the policy that acted, and corrects for no lag: it overlaps only when it is told to. */
function isOverlapped({ train, algorithm }: Config, device: string): boolean {
  return (
    train.lanes === 'overlapped' ||
    (train.lanes === 'auto' && device !== 'cpu' && algorithm.kind === 'impala')
  );
}

/** On a CPU two threads would want the same cores. */
function runsAtOnce({ hardware }: Config, device: string): boolean {
  return hardware.lanes === 'threads' || (hardware.lanes === 'auto' && device !== 'cpu');
}

function algorithmOf(
  session: Session,
  learner: Learner,
  agent: Agent,
  config: Config,
  loss: Objective | undefined,
): Algorithm {
  switch (config.algorithm.kind) {
    case 'impala':
      return impalaAlgorithm(session, learner, agent, config.algorithm, config, loss);
    case 'ppo':
      return ppoAlgorithm(session, learner, agent, config.algorithm, config, loss);
  }
}

/** Makes the agent's parameters from the seed, each from its own key, and returns how many numbers they are. */
export async function createParameters(
  session: Session,
  agent: Agent,
  seed: number,
  set = SET,
): Promise<number> {
  return session.createParameters(set, [actGraph(agent, 1, 'greedy')], seed);
}
