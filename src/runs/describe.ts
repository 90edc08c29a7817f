/** What a config would run, without a worker: parameters, graphs, sources. */
import type { ResolvedConfig } from '../config/index.ts';
import type { Graph } from '../graph/index.ts';
import {
  actGraph,
  agentOf,
  impalaObjective,
  ppoObjective,
  targetsGraph,
  type Spaces,
} from '../train/index.ts';

export interface Description extends ResolvedConfig {
  readonly parameters: {
    readonly total: number;
    readonly modules: readonly {
      readonly name: string;
      readonly shape: readonly number[];
      readonly count: number;
    }[];
  };
  readonly graphs: Readonly<Record<string, string>>;
}

const PROCGEN_ACTIONS = 15;
const CATCH_ACTIONS = 3;

export function describeConfig(resolved: ResolvedConfig): Description {
  const { config } = resolved;
  const spaces = spacesOf(config.environment);
  const agent = agentOf(config.model, config.train.bptt, spaces, config.environment.blank);
  const { numEnvs } = config.environment;
  const { batchSize, unrollLength } = config.train;
  const sizes = { numEnvs, batchSize, unrollLength };
  const { algorithm } = config;
  const act = actGraph(agent, numEnvs, 'sampled');
  const graphs: Graph[] =
    algorithm.kind === 'impala'
      ? [act, impalaObjective(agent, algorithm, sizes)]
      : [act, ppoObjective(agent, algorithm, sizes), targetsGraph(agent, algorithm, unrollLength, numEnvs)];
  const modules = act.declarations
    .map(({ name, tensor }) => ({
      name,
      shape: tensor.shape,
      count: tensor.shape.reduce((size, dim) => size * dim, 1),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    ...resolved,
    parameters: { total: modules.reduce((total, { count }) => total + count, 0), modules },
    graphs: Object.fromEntries(graphs.map((graph) => [graph.name, graph.text()])),
  };
}

/** What a pool would say of itself; a test holds it against the pools. */
export function spacesOf(environment: ResolvedConfig['config']['environment']): Spaces {
  switch (environment.kind) {
    case 'procgen':
      return { observationShape: [64, 64, 3], numActions: PROCGEN_ACTIONS };
    case 'catch':
      return { observationShape: [environment.rows, environment.columns, 3], numActions: CATCH_ACTIONS };
    case 'recall':
      return { observationShape: [environment.numCues], numActions: environment.numCues };
  }
}
