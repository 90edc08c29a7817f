/** IMPALA: each column of an unroll is learnt from once, in groups of `batchSize`. */
import type { Config, ImpalaConfig } from '../../config/index.ts';
import type { Objective } from '../../objectives/index.ts';
import type { Agent } from '../agent.ts';
import { learningRateAt, type Algorithm, type UnrollContext } from '../algorithm.ts';
import { chunks, columnTensor } from '../columns.ts';
import { UNROLL } from '../collector.ts';
import type { Learner } from '../learner.ts';
import { frame, handle, type Session } from '../session.ts';
import { impalaObjective } from './objective.ts';

export function impalaAlgorithm(
  session: Session,
  learner: Learner,
  agent: Agent,
  config: ImpalaConfig,
  { train, environment }: Pick<Config, 'train' | 'environment'>,
  own?: Objective,
): Algorithm {
  const { numEnvs } = environment;
  const { batchSize, unrollLength } = train;
  const graph = impalaObjective(agent, config, { numEnvs, batchSize, unrollLength }, own);
  const groups = chunks([...Array(numEnvs).keys()], batchSize);
  return {
    graphs: [graph],
    updatesPerUnroll: groups.length,
    stateHandles: [],
    async prepare() {
      await session.load(graph);
    },
    async *learn({ initialState }: UnrollContext) {
      const inputs = {
        observation: handle(UNROLL.observation),
        reward: handle(UNROLL.reward),
        is_first: handle(UNROLL.isFirst),
        action: handle(UNROLL.action),
        behaviour_logits: handle(UNROLL.logits),
        ...(own && { behaviour_values: handle(UNROLL.baseline) }),
        ...Object.fromEntries(
          Object.entries(initialState).map(([name, id]) => [`state/${name}`, handle(id)]),
        ),
      };
      for (const columns of groups) {
        const some = groups.length > 1;
        const learningRate = learningRateAt(train, learner.version * unrollLength * batchSize);
        const result = await learner.update({
          graph,
          inputs: some ? { ...inputs, columns: frame(0) } : inputs,
          tensors: some ? [columnTensor(columns)] : [],
          learningRate,
        });
        yield { ...result, learningRate };
      }
    },
  };
}
