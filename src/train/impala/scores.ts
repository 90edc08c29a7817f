/** |A_t| of every step of an unroll under the policy that collected it, which a curriculum judges levels by. */
import { tensorSpec, trace, type Graph, type Tensor } from '../../graph/index.ts';
import type { ImpalaConfig } from '../../config/index.ts';
import { clipRewards } from '../../nn/index.ts';
import { generalizedAdvantages } from '../../objectives/index.ts';
import { policySpecs, type Agent } from '../agent.ts';
import { bootstrapValueOf, wholeUnrollSpecs } from '../bootstrap.ts';
import { finalValueSpecs, withFinalValues } from '../truncation.ts';

/**
 * `magnitudes` [T, B]: of generalised advantages with V-trace's lambda, which V-trace gives where the policy that learns
 * is the one that acted. State inputs hold the core state after the unroll; the value of the last observation bootstraps.
 */
export function impalaScoresGraph(agent: Agent, config: ImpalaConfig, time: number, batch: number): Graph {
  const { observation: _o, reward: _r, is_first: _f, ...states } = policySpecs(agent, 1, batch);
  const inputs = {
    ...states,
    ...wholeUnrollSpecs(agent, time, batch),
    baseline: tensorSpec([time, batch]),
    ...finalValueSpecs(agent, time, batch),
  };
  return trace('impala_scores', inputs, (inputs) => {
    const all = inputs as Readonly<Record<string, Tensor>>;
    const value = (name: string): Tensor => all[name] as Tensor;
    const bootstrapValue = bootstrapValueOf(agent, all, time);
    const clipped = clipRewards(value('all_rewards').slice(0, 1), config.rewardClipping);
    const advantages = generalizedAdvantages(
      {
        rewards: withFinalValues(clipped, all, config.discount),
        discounts: value('all_is_first').slice(0, 1).logicalNot().to('float32').mul(config.discount),
        values: value('baseline'),
        bootstrapValue,
      },
      config.lambda,
    );
    return { magnitudes: advantages.abs() };
  });
}
