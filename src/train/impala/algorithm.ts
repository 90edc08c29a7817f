/** IMPALA: each column is learnt from once, `batchSize` at a time, in the order of unrolls and slots. */
import type { Config, ImpalaConfig } from '../../config/index.ts';
import type { Graph } from '../../graph/index.ts';
import type { Objective } from '../../objectives/index.ts';
import { stateNames, type Agent } from '../agent.ts';
import { learningRateAt, type Algorithm, type UnrollContext } from '../algorithm.ts';
import { BurnIn } from '../burn-in.ts';
import { columnTensor, numbersOf } from '../columns.ts';
import type { Learner } from '../learner.ts';
import { frame, handle, type Session } from '../session.ts';
import { ColumnQueue } from './column-queue.ts';
import { windowSizes } from './column-window.ts';
import { impalaObjective } from './objective.ts';
import { PopArt } from './popart.ts';
import { finalValueInputs } from '../truncation.ts';
import { impalaScoresGraph } from './scores.ts';

export function impalaAlgorithm(
  session: Session,
  learner: Learner,
  agent: Agent,
  config: ImpalaConfig,
  { train, environment }: Pick<Config, 'train' | 'environment'>,
  own?: Objective,
): Algorithm {
  const { numEnvs } = environment;
  const { batchSize, unrollLength, burnIn } = train;
  const sizes = windowSizes({ train, environment });
  const graph = impalaObjective(agent, config, sizes, own);
  const popArt = config.valueScale.kind === 'none' ? null : new PopArt(session, graph, config.valueScale);
  const queue = new ColumnQueue(session, agent, { train, environment }, own !== undefined);
  const warmUp = new BurnIn(session, agent, burnIn, unrollLength, sizes.numEnvs);
  // Only a curriculum asks for scores; traced when it first does.
  let scoring: Graph | undefined;
  return {
    graphs: [graph, ...queue.graphs, ...warmUp.graphs, ...(popArt?.graphs ?? [])],
    stateHandles: [...(popArt?.stateHandles ?? []), ...queue.stateHandles],
    get leftOver() {
      return queue.waiting;
    },
    set leftOver(versions) {
      queue.waiting = versions;
    },
    async prepare(fresh) {
      await session.load(graph);
      await queue.prepare(fresh);
      await warmUp.prepare();
      await popArt?.prepare(fresh);
    },
    begin: () => Promise.resolve(),
    async scores({ unroll, behaviourSet }) {
      scoring ??= impalaScoresGraph(agent, config, unrollLength, numEnvs);
      const [magnitudes] = await session.run(scoring, {
        set: behaviourSet,
        inputs: {
          all_observations: handle(unroll.observation),
          all_rewards: handle(unroll.reward),
          all_is_first: handle(unroll.isFirst),
          baseline: handle(unroll.baseline),
          ...finalValueInputs(agent, unroll),
          ...Object.fromEntries(
            stateNames(agent).map((name) => [`state/${name}`, handle(`train/state/${name}`)]),
          ),
        },
        fetch: ['magnitudes'],
      });
      return numbersOf(magnitudes);
    },
    async *learn({ behaviourVersion, ...collected }: UnrollContext) {
      const { initialState, unroll } = await queue.push(collected, behaviourVersion);
      // A batch that is not full yet is warmed up when it is.
      if (queue.waiting.length < batchSize) return;
      const state = await warmUp.warm(learner.set, unroll, initialState);
      const inputs = {
        observation: handle(unroll.observation),
        reward: handle(unroll.reward),
        is_first: handle(unroll.isFirst),
        action: handle(unroll.action),
        behaviour_logits: handle(unroll.logits),
        ...popArt?.inputs,
        ...finalValueInputs(agent, unroll),
        ...(own && { behaviour_values: handle(unroll.baseline) }),
        ...Object.fromEntries(Object.entries(state).map(([name, id]) => [`state/${name}`, handle(id)])),
      };
      const some = sizes.numEnvs !== batchSize;
      for (const { columns, versions } of queue.batches()) {
        const learningRate = learningRateAt(train, learner.version * unrollLength * batchSize);
        const result = await learner.update({
          graph,
          inputs: some ? { ...inputs, columns: frame(0) } : inputs,
          tensors: some ? [columnTensor(columns)] : [],
          learningRate,
          ...(popArt && { rescaling: popArt.rescaling }),
        });
        await popArt?.keep();
        const policyLag = mean(versions.map((version) => learner.version - 1 - version));
        yield { ...result, learningRate, policyLag };
      }
    },
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
