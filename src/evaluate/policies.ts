/** Policies as an evaluation plays them, around the one that was trained. One step at a time: T = 1. */
import { cast, remainder, where, type Tensor } from '../graph/index.ts';
import type { Policy } from '../models/index.ts';
import type { Agent } from '../train/index.ts';

/** The core state that counts the env steps of an episode, float32 [B]. */
const STEPS = 'evaluation_steps';

/**
 * The core state goes back to where an episode starts after every `every` env steps of an episode, in the middle of it
 * (`--test_no_carry_sr` of the released code): what an agent is worth that cannot remember further back.
 */
export function withStateReset(agent: Agent, every: number): Agent {
  return withPolicy(agent, (inner) => ({
    ...inner,
    stateShapes: (batch) => ({ ...inner.stateShapes(batch), [STEPS]: [batch] }),
    apply: (inputs) => {
      const { [STEPS]: counted, ...state } = inputs.state;
      const first = inputs.isFirst.squeeze(0);
      const step = where(first, 0, counted as Tensor);
      const begins = remainder(step, every).eq(0);
      const kept = Object.entries(state).map(([name, tensor]) => [
        name,
        where(like(begins, tensor), 0, tensor),
      ]);
      const { state: next, ...outputs } = inner.apply({ ...inputs, state: Object.fromEntries(kept) });
      return { ...outputs, state: { ...next, [STEPS]: step.add(1) } };
    },
  }));
}

/** The reward that comes with an episode's first observation, another episode's last, is not heard, whatever the model does. */
export function withoutFormerReward(agent: Agent): Agent {
  return withPolicy(agent, (inner) => ({
    ...inner,
    apply: (inputs) => inner.apply({ ...inputs, reward: where(inputs.isFirst, 0, inputs.reward) }),
  }));
}

function withPolicy(agent: Agent, wrap: (policy: Policy) => Policy): Agent {
  return { ...agent, policy: wrap(agent.policy) };
}

/** [B] as [B, 1, ...], to broadcast over a state tensor [B, ...]. */
function like(perSlot: Tensor, state: Tensor): Tensor {
  return cast(perSlot, 'bool').reshape([perSlot.size(0), ...state.shape.slice(1).map(() => 1)]);
}
