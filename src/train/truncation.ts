/**
 * Episodes that a limit cut short (Pardo et al. 2018): what would have come after the limit is missing from the rewards,
 * and the value of the final observation stands for it. The worker asks the acting policy for it while it collects,
 * with the core state of that moment, so that a recurrent policy is asked as it would have been. The discount after the
 * step is 0, since the next observation belongs to another episode; so the value goes into the reward.
 */
import { tensorSpec, where, type Tensor } from '../graph/index.ts';
import type { Agent } from './agent.ts';
import type { UnrollHandles } from './collector.ts';
import { handle } from './session.ts';

/** The input of a training rule's graph, [T, B]; none where no limit cuts episodes short: the graph is then as it was. */
export function finalValueSpecs({ truncates }: Agent, time: number, numEnvs: number) {
  return truncates ? { final_value: tensorSpec([time, numEnvs]) } : {};
}

/** Where that input comes from. */
export function finalValueInputs({ truncates }: Agent, unroll: UnrollHandles) {
  return truncates ? { final_value: handle(unroll.finalValue) } : {};
}

/** r_t, or r_t + discount V(final observation) where a limit cut the episode short at t; [T, B] both, in the units of rewards. */
export function withFinalValues(
  rewards: Tensor,
  inputs: Readonly<Record<string, Tensor>>,
  discount: number,
  inRewards: (spoken: Tensor) => Tensor = (spoken) => spoken,
): Tensor {
  const { final_value: finalValue } = inputs;
  if (finalValue === undefined) return rewards;
  // 0 says that no limit cut there, in whatever units the values are.
  const value = where(finalValue.ne(0), inRewards(finalValue), 0);
  return rewards.add(value.mul(discount));
}
