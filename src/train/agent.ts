/** The agent of a config: its policy, and the graphs that act with it. */
import {
  keySpec,
  randomUniform,
  tensorSpec,
  trace,
  unobserved,
  zeros,
  type Graph,
  type Tensor,
} from '../graph/index.ts';
import type { Config, ModelConfig, TrainConfig } from '../config/index.ts';
import type { LayerPrecision } from '../nn/index.ts';
import {
  actorCritic,
  greedyActions,
  impalaResnet,
  makeCore,
  mlp,
  patchConv,
  sampleActions,
  schemes,
  type Encoder,
  type InitializationScheme,
  type Policy,
} from '../models/index.ts';

import type { OwnParts } from './own.ts';
import { numValuesOf } from './tasks.ts';
import { requireReadable, type Spaces } from './spaces.ts';

export type { Spaces };

export interface Agent extends Spaces {
  readonly policy: Policy;
  /** Zeros instead of what the environment shows. */
  readonly blank: boolean;
}

/** What the training rule and the hardware decide of an agent. */
export interface Learnt {
  readonly numValues: number;
  readonly precision: LayerPrecision;
}

/** The agent of a whole configuration. */
export function agentFor(config: Config, spaces: Spaces, own: OwnParts = {}): Agent {
  const { model, train, environment, hardware } = config;
  return agentOf(model, train, spaces, environment.blank, own, {
    numValues: numValuesOf(config),
    // TensorFloat-32 is how a GPU multiplies float32: the graphs are the same.
    precision: hardware.precision === 'bfloat16' ? 'bfloat16' : 'float32',
  });
}

export function agentOf(
  model: ModelConfig,
  train: Pick<TrainConfig, 'bptt' | 'unrollLength'>,
  spaces: Spaces,
  blank: boolean,
  own: OwnParts = {},
  { numValues, precision }: Learnt = { numValues: 1, precision: 'float32' },
): Agent {
  const scheme = schemes[model.initialization];
  if (own.encoder === undefined && own.policy === undefined) requireReadable(model, spaces);
  const { observationShape, numActions } = spaces;
  const make = own.policy ?? actorCritic;
  const policy = make({
    observationShape,
    numActions,
    numValues,
    scheme,
    precision,
    encoder: own.encoder ?? encoderOf(model, scheme),
    core: own.core ?? makeCore(model.core, { ...train, scheme }),
    policyGain: model.policyGain,
    rewardInput: model.rewardInput,
    rewardAtReset: model.rewardAtReset,
  });
  return { ...spaces, blank, policy };
}

function encoderOf({ encoder }: ModelConfig, scheme: InitializationScheme): Encoder {
  switch (encoder.kind) {
    case 'impala_resnet':
      return impalaResnet(encoder, scheme);
    case 'patch_conv':
      return patchConv(encoder, scheme);
    case 'mlp':
      return mlp(encoder, scheme);
  }
}

/** Graph inputs of a policy over T steps of B slots; core states are named `state/...`. */
export function policySpecs(agent: Agent, time: number, batch: number) {
  return {
    observation: tensorSpec([time, batch, ...agent.observationShape], agent.observationDtype),
    reward: tensorSpec([time, batch]),
    is_first: tensorSpec([time, batch], 'bool'),
    ...stateSpecs(agent, batch),
  };
}

export function stateSpecs(agent: Agent, batch: number) {
  const shapes = Object.entries(agent.policy.stateShapes(batch));
  return Object.fromEntries(shapes.map(([name, shape]) => [`state/${name}`, tensorSpec(shape)]));
}

export function stateNames(agent: Agent): string[] {
  return Object.keys(agent.policy.stateShapes(1));
}

/** Applies the policy to graph inputs named as in `policySpecs`. */
export function applyPolicy(agent: Agent, inputs: Readonly<Record<string, Tensor>>) {
  const {
    observation,
    reward,
    is_first: isFirst,
  } = inputs as Readonly<Record<'observation' | 'reward' | 'is_first', Tensor>>;
  const state = Object.fromEntries(
    stateNames(agent).map((name) => [name, inputs[`state/${name}`] as Tensor]),
  );
  const seen = agent.blank ? zeros(observation.shape, observation.dtype) : observation;
  return agent.policy.apply({ observation: seen, reward, isFirst, state });
}

export type Play = 'sampled' | 'greedy';

/** One step of acting: [1, B, ...] in; action, logits, baseline and the next core state out. */
export function actGraph(agent: Agent, batch: number, play: Play): Graph {
  const noise = play === 'sampled' ? { noise: tensorSpec([1, batch]) } : {};
  return trace(`act_${play}`, { ...policySpecs(agent, 1, batch), ...noise }, (inputs) => {
    const { logits, baseline, state } = unobserved(() => applyPolicy(agent, inputs));
    const action =
      play === 'sampled'
        ? sampleActions(logits, (inputs as Record<string, Tensor>)['noise'] as Tensor)
        : greedyActions(logits);
    const next = Object.fromEntries(Object.entries(state).map(([name, tensor]) => [`state/${name}`, tensor]));
    return { action, logits, baseline, ...next };
  });
}

/** Uniform noise [T, B] of one unroll, from one key. */
export function noiseGraph(time: number, batch: number): Graph {
  return trace('noise', { key: keySpec }, ({ key }) => ({ noise: randomUniform(key, [time, batch]) }));
}

/** The core state at the start of a run: the fast weights are the slow weights. */
export function initialStateGraph(agent: Agent, batch: number): Graph | null {
  const shapes = Object.entries(agent.policy.stateShapes(batch));
  if (shapes.length === 0) return null;
  return trace('initial_state', {}, () =>
    Object.fromEntries(shapes.map(([name, shape]) => [`state/${name}`, zeros(shape)])),
  );
}
