/** The agent: encoder, clipped reward, core, policy head and baseline head. */
import { checkFeatures, checkCoreResult } from './checks.ts';
import {
  captureCallSite,
  cat,
  GraphError,
  scope,
  shown,
  where,
  type CallSite,
  type Tensor,
} from '../graph/index.ts';
import { clipRewards, inPrecision, linear, type LayerPrecision, type RewardClipping } from '../nn/index.ts';
import type { CoreState, SequenceCore } from './cores/index.ts';
import type { Encoder } from './encoders.ts';
import { schemes, type InitializationScheme, type SchemeName } from './schemes.ts';

/** What an agent sees of T steps of B envs. */
export interface PolicyInputs {
  /** [T, B, ...]. */
  readonly observation: Tensor;
  /** [T, B] float32: raw reward of the transition that led to the observation. */
  readonly reward: Tensor;
  /** [T, B] bool. */
  readonly isFirst: Tensor;
  readonly state: CoreState;
}

/** What an agent answers: logits of the actions, and values. */
export interface PolicyOutputs {
  /** [T, B, A]. */
  readonly logits: Tensor;
  /** [T, B]; [T, B, K] where the head gives K > 1 values, one a task. */
  readonly baseline: Tensor;
  readonly state: CoreState;
}

/** An agent whose environment is known. */
export interface Policy {
  readonly numActions: number;
  readonly stateShapes: SequenceCore['stateShapes'];
  readonly apply: (inputs: PolicyInputs) => PolicyOutputs;
}

/** Whether and how the agent hears the reward of the transition that led to an observation. */
export interface RewardHearing {
  /** How the reward is bounded before the core sees it; `absent`: the core sees the features alone. */
  readonly rewardInput: RewardClipping | 'absent';
  /**
   * What is heard with an episode's first observation, whose reward belongs to the former episode: nothing, or that
   * reward, as in the released code of Irie et al. 2022.
   */
  readonly rewardAtReset: 'zero' | 'former_episode';
}

export interface PolicyOptions extends RewardHearing {
  readonly encoder: Encoder;
  readonly core: SequenceCore;
  readonly numActions: number;
  /** Values that the baseline head gives: one, or one a task. */
  readonly numValues: number;
  readonly scheme: InitializationScheme;
  /** Of the dense layers and convolutions of encoder and core; states, heads and everything behind are float32. */
  readonly precision: LayerPrecision;
  /** Start of the policy head, relative to the scheme's usual gain. */
  readonly policyGain: number;
}

/**
 * Features of every frame at once, then [features, bounded reward] through the core, then two linear heads.
 * The reward of an episode's first observation belongs to the former episode and enters as 0 unless told otherwise.
 */
export function actorCritic(options: PolicyOptions): Policy {
  const { encoder, core, numActions, numValues, scheme, precision } = options;
  return {
    numActions,
    stateShapes: core.stateShapes,
    apply: ({ observation, reward, isFirst, state }) => {
      const [time, batch] = isFirst.shape as [number, number];
      const frames = observation.reshape([time * batch, ...observation.shape.slice(2)]);
      const encoded = inPrecision(precision, () => encoder(frames));
      const features =
        encoded.dtype === precision && precision !== 'float32' ? encoded.to('float32') : encoded;
      checkFeatures(features, time * batch);
      const heard = rewardFeature(options, reward, isFirst);
      const seen = features.reshape([time, batch, features.size(-1)]);
      const x = heard === null ? seen : cat([seen, heard], -1);
      const { y, state: next } = inPrecision(precision, () => core.apply(x, isFirst, state));
      checkCoreResult(y, next, [time, batch], core.stateShapes(batch));
      return scope('head', () => {
        const logits = linear('policy', numActions, scheme.dense(y.size(-1), options.policyGain))(y);
        const values = linear('baseline', numValues, scheme.dense(y.size(-1), 1))(y);
        return { logits, baseline: numValues === 1 ? values.squeeze(-1) : values, state: next };
      });
    },
  };
}

/** [T, B, 1], or null where the agent hears no reward. */
function rewardFeature(hearing: RewardHearing, reward: Tensor, isFirst: Tensor): Tensor | null {
  if (hearing.rewardInput === 'absent') return null;
  const bounded = clipRewards(reward, hearing.rewardInput);
  return (hearing.rewardAtReset === 'zero' ? where(isFirst, 0, bounded) : bounded).unsqueeze(-1);
}

/** What an agent is made for, and the parts that its configuration gives it. */
export interface PolicyContext extends PolicyOptions {
  /** Of one observation, without time and batch. */
  readonly observationShape: readonly number[];
}

/** An agent whose environment is not known yet: it is asked when a pool has opened. */
export type PolicyDefinition = (context: PolicyContext) => Policy;

/** The parts of an agent; those left out come from the configuration. */
export interface PolicyParts {
  /** uint8 or float observations [N, ...] to features [N, M]. */
  readonly encoder?: Encoder;
  /** Features and clipped reward [T, B, M + 1] to [T, B, M']. */
  readonly core?: SequenceCore;
  /** How layers without initializers of their own start. */
  readonly initialization?: SchemeName;
  /** Start of the policy head, relative to the scheme's usual gain. */
  readonly policyGain?: number;
}

/**
 * An agent from parts of your own; what is left out comes from the configuration. The number of actions is known
 * when the environment opens. For another structure write a function from `PolicyContext` to `Policy` yourself.
 *
 * @throws GraphError GRAPH_ARGUMENT when a part has no such name, or there is no such initialization.
 *
 * @example impala({ env: catchGame(), policy: policy({ core: stepCore('leaky', { size: 128 }, step) }) })
 */
export function policy(parts: PolicyParts = {}): PolicyDefinition {
  requireParts(parts, captureCallSite(policy));
  const { initialization, ...own } = parts;
  return (context) =>
    actorCritic({ ...context, ...(initialization && { scheme: schemes[initialization] }), ...own });
}

const PARTS = ['encoder', 'core', 'initialization', 'policyGain'] as const satisfies (keyof PolicyParts)[];

function requireParts(parts: PolicyParts, site: CallSite): void {
  const refuse = (requirement: string): never => {
    throw new GraphError(
      'GRAPH_ARGUMENT',
      `policy({...}): ${requirement}.`,
      'See docs/writing-a-model.md.',
      site,
    );
  };
  const unknown = Object.keys(parts).filter((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown.length > 0) refuse(`parts must be of ${PARTS.join(', ')}, got ${unknown.join(', ')}`);
  const { initialization } = parts;
  if (initialization !== undefined && !Object.hasOwn(schemes, initialization))
    refuse(`"initialization" must be of ${Object.keys(schemes).join(', ')}, got ${shown(initialization)}`);
}

/**
 * Samples from softmax(logits) [..., A] with noise [...] uniform in [0, 1), by the inverse of the distribution
 * function: equal noise gives equal actions, whatever the batch around them.
 *
 * @example sampleActions(logits, noise) // [T, B, A] and uniform [T, B] to int64 [T, B]
 */
export function sampleActions(logits: Tensor, noise: Tensor): Tensor {
  const cdf = logits
    .softmax(-1)
    .cumsum(-1)
    .slice(-1, 0, logits.size(-1) - 1);
  return cdf.le(noise.unsqueeze(-1)).sum(-1);
}

/**
 * The likeliest action, int64 [...].
 *
 * @example greedyActions(logits) // [T, B, A] to int64 [T, B]
 */
export function greedyActions(logits: Tensor): Tensor {
  return logits.argmax(-1);
}
