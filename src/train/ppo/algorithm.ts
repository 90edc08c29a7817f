/** PPO: several passes over an unroll, in random groups of whole env columns. */
import type { Config, PpoConfig } from '../../config/index.ts';
import type { Objective } from '../../objectives/index.ts';
import { stateNames, type Agent } from '../agent.ts';
import { learningRateAt, type Algorithm, type UnrollContext } from '../algorithm.ts';
import { BurnIn } from '../burn-in.ts';
import { chunks, columnTensor, numbersOf } from '../columns.ts';
import type { Learner } from '../learner.ts';
import { frame, handle, type Session } from '../session.ts';
import { permutation, randomKey } from '../streams.ts';
import { ppoObjective } from './objective.ts';
import { freshScaleGraph, REWARD_SCALE, targetsGraph } from './targets.ts';
import { finalValueInputs } from '../truncation.ts';
import { ppoScoresGraph } from './scores.ts';

const TARGETS = {
  advantages: 'ppo/advantages',
  targets: 'ppo/targets',
  behaviour_log_probability: 'ppo/behaviour_log_probability',
};
const SCALE = Object.fromEntries(REWARD_SCALE.map((name) => [`scale/${name}`, `ppo/scale/${name}`]));

export function ppoAlgorithm(
  session: Session,
  learner: Learner,
  agent: Agent,
  config: PpoConfig,
  { train, environment, seed }: Pick<Config, 'train' | 'environment' | 'seed'>,
  own?: Objective,
): Algorithm {
  const { numEnvs } = environment;
  const { batchSize, unrollLength, burnIn } = train;
  const targets = targetsGraph(agent, config, unrollLength, numEnvs);
  const objective = ppoObjective(agent, config, { numEnvs, batchSize, unrollLength, burnIn }, own);
  const warmUp = new BurnIn(session, agent, burnIn, unrollLength, numEnvs);
  const stateInputs = (handles: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(handles).map(([name, id]) => [`state/${name}`, handle(id)]));

  async function computeTargets({ unroll, behaviourSet }: UnrollContext): Promise<void> {
    const after = Object.fromEntries(stateNames(agent).map((name) => [name, `train/state/${name}`]));
    await session.run(targets, {
      set: behaviourSet,
      inputs: {
        all_observations: handle(unroll.observation),
        all_rewards: handle(unroll.reward),
        all_is_first: handle(unroll.isFirst),
        action: handle(unroll.action),
        behaviour_logits: handle(unroll.logits),
        baseline: handle(unroll.baseline),
        ...finalValueInputs(agent, unroll),
        ...stateInputs(after),
        ...Object.fromEntries(Object.entries(SCALE).map(([name, id]) => [name, handle(id)])),
      },
      store: { ...TARGETS, ...SCALE },
    });
  }

  return {
    graphs: [objective, targets, ...warmUp.graphs],
    stateHandles: Object.values(SCALE),
    // Every pass takes all columns of an unroll.
    leftOver: [],
    async prepare(fresh) {
      await Promise.all([session.load(objective), session.load(targets)]);
      await warmUp.prepare();
      if (fresh) await session.run(freshScaleGraph(numEnvs), { store: SCALE });
    },
    begin: computeTargets,
    async scores({ unroll }) {
      const inputs = { targets: handle(TARGETS.targets), baseline: handle(unroll.baseline) };
      const graph = ppoScoresGraph(unrollLength, numEnvs);
      const [magnitudes] = await session.run(graph, { inputs, fetch: ['magnitudes'] });
      return numbersOf(magnitudes);
    },
    async *learn({ unrollIndex, envStepsBefore, initialState, unroll, behaviourVersion }: UnrollContext) {
      const learningRate = learningRateAt(train, envStepsBefore);
      const inputs = {
        observation: handle(unroll.observation),
        reward: handle(unroll.reward),
        is_first: handle(unroll.isFirst),
        action: handle(unroll.action),
        former_values: handle(unroll.baseline),
        ...(own && { behaviour_logits: handle(unroll.logits), ...finalValueInputs(agent, unroll) }),
        ...Object.fromEntries(Object.entries(TARGETS).map(([name, id]) => [name, handle(id)])),
      };
      for (let pass = 0; pass < config.passes; pass++) {
        const state = stateInputs(await warmUp.warm(learner.set, unroll, initialState));
        const order = permutation(numEnvs, randomKey(seed, 'columns', unrollIndex, pass));
        for (const columns of chunks(order, batchSize)) {
          const some = numEnvs !== batchSize;
          const result = await learner.update({
            graph: objective,
            inputs: { ...inputs, ...state, ...(some && { columns: frame(0) }) },
            tensors: some ? [columnTensor(columns)] : [],
            learningRate,
          });
          yield { ...result, learningRate, policyLag: learner.version - 1 - behaviourVersion };
        }
      }
    },
  };
}
