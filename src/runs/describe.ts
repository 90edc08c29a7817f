/** What a config would run, without a worker: parameters, graphs, sources. */
import type { ResolvedConfig } from '../config/index.ts';
import type { Graph } from '../graph/index.ts';
import { graphCost, moduleRows, type ModuleRow } from '../inspect/index.ts';
import {
  actGraph,
  agentFor,
  burnInGraph,
  impalaObjective,
  popArtGraphs,
  ppoObjective,
  targetsGraph,
  windowGraphs,
  windowSizes,
  type OwnParts,
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
  /** Of each graph's forward pass. */
  readonly costs: Readonly<
    Record<
      string,
      {
        readonly flops: number;
        readonly activation_bytes: number;
        readonly modules: readonly ModuleRow[];
      }
    >
  >;
}

/** How deep a module's path is shown: `encoder/stage0`. */
export const MODULE_DEPTH = 2;

const PROCGEN_ACTIONS = 15;
const CATCH_ACTIONS = 3;

/** The graphs that a run of this config acts and learns with, the acting one first; `own` takes the place of its parts. */
export function graphsOf(
  { config }: ResolvedConfig,
  own: OwnParts = {},
  spaces: Spaces = spacesOf(config.environment),
): Graph[] {
  const agent = agentFor(config, spaces, own);
  const { numEnvs } = config.environment;
  const { batchSize, unrollLength, burnIn } = config.train;
  const { algorithm } = config;
  const sizes =
    algorithm.kind === 'impala' ? windowSizes(config) : { numEnvs, batchSize, unrollLength, burnIn };
  const act = actGraph(agent, numEnvs, 'sampled');
  const update =
    algorithm.kind === 'impala'
      ? impalaObjective(agent, algorithm, sizes, own.loss)
      : ppoObjective(agent, algorithm, sizes, own.loss);
  return [
    act,
    update,
    ...(algorithm.kind === 'ppo' ? [targetsGraph(agent, algorithm, unrollLength, numEnvs)] : []),
    ...(algorithm.kind === 'impala' ? popArtGraphs(update, algorithm) : []),
    ...(algorithm.kind === 'impala' ? windowGraphs(agent, config, own.loss !== undefined) : []),
    ...(burnIn > 0 ? [burnInGraph(agent, burnIn, unrollLength, sizes.numEnvs)] : []),
    ...(own.gradients ? [own.gradients.graphFor(update)] : []),
  ];
}

export function describeConfig(
  resolved: ResolvedConfig,
  own: OwnParts = {},
  spaces: Spaces = spacesOf(resolved.config.environment),
): Description {
  const graphs = graphsOf(resolved, own, spaces);
  const [act] = graphs as [Graph];
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
    costs: Object.fromEntries(
      graphs.map((graph) => {
        const { flops, bytes } = graphCost(graph.spec);
        const rows = moduleRows(graph.spec, MODULE_DEPTH, declaredIn(graph));
        return [graph.name, { flops, activation_bytes: bytes, modules: rows }];
      }),
    ),
  };
}

/** Every parameter that a graph's program declares, also those that no output needs. */
export function declaredIn(graph: Graph): { readonly name: string; readonly shape: readonly number[] }[] {
  return graph.declarations.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
}

/** What a pool would say of itself; a test holds it against the pools. Of a Gymnasium environment only its host knows. */
export function spacesOf(environment: ResolvedConfig['config']['environment']): Spaces {
  switch (environment.kind) {
    case 'procgen':
      return { observationShape: [64, 64, 3], observationDtype: 'uint8', numActions: PROCGEN_ACTIONS };
    case 'catch':
      return {
        observationShape: [environment.rows, environment.columns, 3],
        observationDtype: 'uint8',
        numActions: CATCH_ACTIONS,
      };
    case 'recall':
      return {
        observationShape: [environment.numCues],
        observationDtype: 'uint8',
        numActions: environment.numCues,
      };
    case 'gymnasium':
      throw new Error(`internal: ${environment.env} must be asked what it shows`);
  }
}
