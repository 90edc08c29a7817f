/** What PPO computes once an unroll: scaled rewards, advantages and value targets. */
import { full, tensorSpec, trace, zeros, type Graph, type Tensor } from '../../graph/index.ts';
import type { PpoConfig } from '../../config/index.ts';
import {
  generalizedAdvantages,
  logProbabilities,
  normalizeAdvantages,
  normalizeRewards,
} from '../../objectives/index.ts';
import { policySpecs, type Agent } from '../agent.ts';
import { bootstrapValueOf, wholeUnrollSpecs } from '../bootstrap.ts';
import { finalValueSpecs, withFinalValues } from '../truncation.ts';

/** Named state of the reward scale: it goes in and comes out of every unroll. */
export const REWARD_SCALE = ['running', 'mean', 'variance', 'count'] as const;

/**
 * Inputs: the unroll, its last observation under `observation` [1, B, ...] with the core state after the unroll, and
 * the reward scale. The value of the last observation bootstraps.
 */
export function targetsGraph(agent: Agent, config: PpoConfig, time: number, batch: number): Graph {
  const inputs = {
    ...policySpecs(agent, 1, batch),
    ...wholeUnrollSpecs(agent, time, batch),
    action: tensorSpec([time, batch], 'int64'),
    behaviour_logits: tensorSpec([time, batch, agent.numActions]),
    baseline: tensorSpec([time, batch]),
    ...finalValueSpecs(agent, time, batch),
    'scale/running': tensorSpec([batch]),
    'scale/mean': tensorSpec([]),
    'scale/variance': tensorSpec([]),
    'scale/count': tensorSpec([]),
  };
  const { observation: _o, reward: _r, is_first: _f, ...given } = inputs;
  return trace('ppo_targets', given, (inputs) => {
    const all = inputs as Readonly<Record<string, Tensor>>;
    const value = (name: string): Tensor => all[name] as Tensor;
    const bootstrapValue = bootstrapValueOf(agent, all, time);
    const raw = value('all_rewards').slice(0, 1);
    const isFirstBefore = value('all_is_first').slice(0, 0, time);
    const before = {
      running: value('scale/running'),
      mean: value('scale/mean'),
      variance: value('scale/variance'),
      count: value('scale/count'),
    };
    const scaled = config.normalizeRewards
      ? normalizeRewards(raw, isFirstBefore, before, {
          discount: config.rewardDiscount ?? config.discount,
          clip: config.rewardClip,
        })
      : { rewards: raw, statistics: before };
    const values = value('baseline');
    const advantages = generalizedAdvantages(
      {
        rewards: withFinalValues(scaled.rewards, all, config.discount),
        discounts: value('all_is_first').slice(0, 1).logicalNot().to('float32').mul(config.discount),
        values,
        bootstrapValue,
      },
      config.lambda,
    );
    const after = Object.fromEntries(REWARD_SCALE.map((name) => [`scale/${name}`, scaled.statistics[name]]));
    return {
      advantages:
        config.normalizeAdvantages && config.normalizeOver === 'unroll'
          ? normalizeAdvantages(advantages)
          : advantages,
      targets: advantages.add(values),
      behaviour_log_probability: logProbabilities(value('behaviour_logits'), value('action')),
      ...after,
    };
  });
}

/** The reward scale before the first unroll. */
export function freshScaleGraph(batch: number): Graph {
  return trace('fresh_reward_scale', {}, () => ({
    'scale/running': zeros([batch]),
    'scale/mean': zeros([]),
    'scale/variance': full([], 1),
    'scale/count': full([], 1e-4),
  }));
}
