/** The value of what an unroll ends before: of its last observation, which has no action to learn from. */
import { tensorSpec, unobserved, type Tensor } from '../graph/index.ts';
import { applyPolicy, type Agent } from './agent.ts';

/** A whole unroll as graph inputs, [T + 1, B, ...] each. */
export function wholeUnrollSpecs(agent: Agent, time: number, batch: number) {
  return {
    all_observations: tensorSpec([time + 1, batch, ...agent.observationShape], agent.observationDtype),
    all_rewards: tensorSpec([time + 1, batch]),
    all_is_first: tensorSpec([time + 1, batch], 'bool'),
  };
}

/** [B], of inputs that hold a whole unroll and the core state after it. */
export function bootstrapValueOf(agent: Agent, all: Readonly<Record<string, Tensor>>, time: number): Tensor {
  const lastOf = (name: keyof ReturnType<typeof wholeUnrollSpecs>): Tensor =>
    (all[name] as Tensor).slice(0, time);
  const last = {
    ...all,
    observation: lastOf('all_observations'),
    reward: lastOf('all_rewards'),
    is_first: lastOf('all_is_first'),
  };
  return unobserved(() => applyPolicy(agent, last)).baseline.select(0, 0);
}
