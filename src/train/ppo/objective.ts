/** PPO's clipped loss (Schulman et al. 2017) as one traced program over whole env columns of an unroll. */
import { tensorSpec, trace, type Graph, type Tensor } from '../../graph/index.ts';
import type { PpoConfig } from '../../config/index.ts';
import {
  applyObjective,
  baselineLoss,
  clippedBaselineLoss,
  clippedPolicyLoss,
  clippedShare,
  entropy,
  logProbabilities,
  normalizeAdvantages,
  withAbsent,
  type Objective,
} from '../../objectives/index.ts';
import { applyPolicy, policySpecs, type Agent } from '../agent.ts';
import type { ObjectiveSizes } from '../objective-sizes.ts';
import { afterBurnIn } from '../burn-in.ts';
import { columnSpecs, selectColumns } from '../columns.ts';
import { finalValueSpecs, withFinalValues } from '../truncation.ts';

/** `own` takes the place of the clipped loss. */
export function ppoObjective(agent: Agent, config: PpoConfig, sizes: ObjectiveSizes, own?: Objective): Graph {
  const { numEnvs, batchSize, unrollLength, burnIn } = sizes;
  const time = unrollLength - burnIn;
  const perStep = tensorSpec([unrollLength, numEnvs]);
  const inputs = {
    ...policySpecs(agent, unrollLength + 1, numEnvs),
    action: tensorSpec([unrollLength, numEnvs], 'int64'),
    behaviour_log_probability: perStep,
    former_values: perStep,
    advantages: perStep,
    targets: perStep,
    ...(own && { behaviour_logits: tensorSpec([unrollLength, numEnvs, agent.numActions]) }),
    ...(own && finalValueSpecs(agent, unrollLength, numEnvs)),
    ...columnSpecs(numEnvs, batchSize),
  };
  return trace(own?.name ?? 'ppo_update', inputs, (all) => {
    const batch = afterBurnIn(selectColumns(all), burnIn);
    const value = (name: string): Tensor => batch[name] as Tensor;
    // The observation after the last step has no action to learn from.
    const unroll = Object.fromEntries(
      ['observation', 'reward', 'is_first'].map((name) => [name, value(name).slice(0, 0, time)]),
    );
    const { logits, baseline: values } = applyPolicy(agent, { ...batch, ...unroll });
    const logProbability = logProbabilities(logits, value('action'));
    const behaviour = value('behaviour_log_probability');
    if (own !== undefined) {
      return applyObjective(own, {
        target: withAbsent(
          { logits, logProbability, values },
          { bootstrapValue: 'Use batch.advantages and batch.returns, or train with impala.' },
        ),
        behaviour: {
          logits: value('behaviour_logits'),
          logProbability: behaviour,
          values: value('former_values'),
        },
        batch: {
          actions: value('action'),
          rewards: withFinalValues(value('reward').slice(0, 1), batch, config.discount),
          discounts: value('is_first').slice(0, 1).logicalNot().to('float32').mul(config.discount),
          isFirst: unroll['is_first'] as Tensor,
          advantages: value('advantages'),
          returns: value('targets'),
        },
      });
    }
    const advantages =
      config.normalizeAdvantages && config.normalizeOver === 'update'
        ? normalizeAdvantages(value('advantages'))
        : value('advantages');
    const policyLoss = clippedPolicyLoss(logProbability, behaviour, advantages, config.clip).mean();
    const valueErrors =
      config.valueClip === null
        ? baselineLoss(values, value('targets'))
        : clippedBaselineLoss(values, value('former_values'), value('targets'), config.valueClip);
    const valueLoss = valueErrors.mean();
    const policyEntropy = entropy(logits).mean();
    const loss = policyLoss
      .add(valueLoss.mul(config.baselineCost))
      .sub(policyEntropy.mul(config.entropyCost));
    return {
      loss,
      policy_loss: policyLoss,
      baseline_loss: valueLoss,
      entropy: policyEntropy,
      clipped_share: clippedShare(logProbability, behaviour, config.clip),
    };
  });
}
