/** The `procgen-easy` update as a traced program, with synthetic data of the same form as an unroll. */
import type { Binding } from '../bridge/protocol/messages.ts';
import {
  parseAssignment,
  presetNamed,
  resolveConfig,
  type Config,
  type ResolvedConfig,
} from '../src/config/index.ts';
import { initializationOf, keySpec, randomUniform, trace, type Graph } from '../src/graph/index.ts';
import {
  actGraph,
  agentOf,
  frame,
  handle,
  impalaObjective,
  randomKey,
  type Agent,
} from '../src/train/index.ts';
import { CannotMeasure } from './row.ts';

export const CORES = ['feed_forward', 'srwm', 'lstm', 'delta_net', 'sr_delta', 'recurrent_delta'] as const;
/** The cores that `bench/rivals/cores.py` has. */
export type Core = (typeof CORES)[number];

/** What ProcGen offers, known without a worker. */
export const SPACES = { observationShape: [64, 64, 3], observationDtype: 'uint8', numActions: 15 } as const;

const PREFIX = 'unroll/';

export interface UpdateProgram {
  readonly config: Config;
  readonly agent: Agent;
  readonly initialize: Graph;
  /** Makes an unroll from one key: inputs of `update` by the names of its outputs. */
  readonly data: Graph;
  readonly update: Graph;
  /** The env columns of one update, or null when it takes all. */
  readonly columns: readonly number[] | null;
}

export function easyConfig(core: Core, assignments: readonly string[]): ResolvedConfig {
  const all = [`model.core.kind=${core}`, ...assignments];
  return resolveConfig(presetNamed('procgen-easy').config(), 'bench', all.map(parseAssignment));
}

export function updateProgram({ config }: ResolvedConfig): UpdateProgram {
  const agent = agentOf(config.model, config.train, SPACES, false);
  const { batchSize } = config.train;
  const { numEnvs } = config.environment;
  if (numEnvs < batchSize)
    throw new CannotMeasure(
      'an update of several unrolls has no rival: environment.numEnvs must be at least train.batchSize',
    );
  return {
    config,
    agent,
    initialize: initializationOf('initialize', actGraph(agent, 1, 'greedy').declarations),
    data: dataGraph(config, agent),
    update: traceUpdate(config, agent),
    columns: numEnvs === batchSize ? null : [...Array(batchSize).keys()],
  };
}

/** Traces the update anew: what `graph/ready` times. */
export function traceUpdate(config: Config, agent: Agent): Graph {
  const { algorithm, environment, train } = config;
  if (algorithm.kind !== 'impala') throw new Error('internal: procgen-easy must be an impala preset');
  return impalaObjective(agent, algorithm, { numEnvs: environment.numEnvs, ...train });
}

/** Uniform noise in every input; an episode begins at one step in fifty. */
function dataGraph({ train, environment }: Config, agent: Agent): Graph {
  const [time, slots] = [train.unrollLength, environment.numEnvs];
  return trace(
    'data',
    { key: keySpec, is_first: keySpec, state: keySpec },
    ({ key, is_first: first, state }) => {
      const noise = (shape: readonly number[]) => randomUniform(key, shape);
      const states = Object.entries(agent.policy.stateShapes(slots)).map(([name, shape]) => [
        `state/${name}`,
        randomUniform(state, shape).sub(0.5).mul(0.1),
      ]);
      return {
        observation: noise([time + 1, slots, ...SPACES.observationShape])
          .mul(256)
          .to('uint8'),
        reward: noise([time + 1, slots])
          .mul(4)
          .sub(2),
        is_first: randomUniform(first, [time + 1, slots]).lt(0.02),
        action: noise([time, slots]).mul(SPACES.numActions).to('int64'),
        behaviour_logits: noise([time, slots, SPACES.numActions]),
        ...Object.fromEntries(states),
      };
    },
  );
}

export function dataKeys(): Record<string, Binding> {
  return Object.fromEntries(['key', 'is_first', 'state'].map((name) => [name, smallKey(name)]));
}

export function initializationInputs({ initialize }: UpdateProgram): Record<string, Binding> {
  return Object.fromEntries(initialize.spec.inputs.map(({ name }) => [name, smallKey(name)]));
}

/** Where the outputs of `data` are kept. */
export function dataHandles({ data }: UpdateProgram): Record<string, string> {
  return Object.fromEntries(data.spec.outputs.map(({ name }) => [name, `${PREFIX}${name}`]));
}

/** Inputs of `update`, its columns as frame 0. */
export function updateInputs(program: UpdateProgram): Record<string, Binding> {
  const named = Object.entries(dataHandles(program)).map(([name, id]) => [name, handle(id)] as const);
  return { ...Object.fromEntries(named), ...(program.columns === null ? {} : { columns: frame(0) }) };
}

/** What `Sizes` of `bench/rivals/update.py` names; what a core has not is 0. */
export function networkSizes({ encoder, core }: Config['model']) {
  if (encoder.kind !== 'impala_resnet') throw new Error("internal: the rivals have the paper's network");
  const none = { modelDim: 0, numHeads: 0, numLayers: 0, ffDim: 0 };
  const { kind, modelDim, numHeads, numLayers, ffDim } = { ...none, ...core };
  return {
    channels: encoder.channels,
    blocks: encoder.blocks,
    feature_dim: encoder.outputDim,
    num_actions: SPACES.numActions,
    kind,
    model_dim: modelDim,
    num_heads: numHeads,
    num_layers: numLayers,
    ff_dim: ffDim,
  };
}

/** A key that JSON can carry. */
function smallKey(name: string): Binding {
  return { kind: 'key', value: randomKey(1, `bench/${name}`) & 0x7fffffffn };
}
