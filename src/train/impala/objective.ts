/** IMPALA's loss (Espeholt et al. 2018, section 4.2) as one traced program over an unroll. */
import { tensorSpec, trace, type Graph, type Tensor } from '../../graph/index.ts';
import type { ImpalaConfig } from '../../config/index.ts';
import { clipRewards } from '../../nn/index.ts';
import {
  applyObjective,
  baselineLoss,
  entropy,
  logProbabilities,
  normalizeAdvantages,
  policyGradientLoss,
  reduce,
  vtrace,
  withAbsent,
  type Objective,
} from '../../objectives/index.ts';
import { applyPolicy, policySpecs, type Agent } from '../agent.ts';
import type { ObjectiveSizes } from '../objective-sizes.ts';
import { afterBurnIn } from '../burn-in.ts';
import { columnSpecs, selectColumns } from '../columns.ts';
import { finalValueSpecs, withFinalValues } from '../truncation.ts';
import { momentSpecs, withoutMoments } from './popart.ts';
import { valueUnits } from './value-units.ts';

/**
 * The loss of `batchSize` columns. The policy runs over all T + 1 observations: the first T give the
 * target policy and the values, the last one the bootstrap value. Step t's reward and discount come with
 * observation t + 1.
 */
export function impalaObjective(
  agent: Agent,
  config: ImpalaConfig,
  sizes: ObjectiveSizes,
  own?: Objective,
): Graph {
  const { numEnvs, batchSize, unrollLength, burnIn } = sizes;
  const time = unrollLength - burnIn;
  const inputs = {
    ...policySpecs(agent, unrollLength + 1, numEnvs),
    action: tensorSpec([unrollLength, numEnvs], 'int64'),
    behaviour_logits: tensorSpec([unrollLength, numEnvs, agent.numActions]),
    ...(own && { behaviour_values: tensorSpec([unrollLength, numEnvs]) }),
    ...finalValueSpecs(agent, unrollLength, numEnvs),
    ...columnSpecs(numEnvs, batchSize),
    ...(config.valueScale.kind === 'popart' && momentSpecs(sizes.tasks)),
  };
  return trace(own?.name ?? 'impala_update', inputs, (all) => {
    const units = valueUnits(config, all, sizes.tasks);
    const batch = afterBurnIn(selectColumns(withoutMoments(all)), burnIn);
    const {
      action,
      behaviour_logits: behaviourLogits,
      reward,
      is_first: isFirst,
    } = batch as Record<string, Tensor> & {
      action: Tensor;
      behaviour_logits: Tensor;
      reward: Tensor;
      is_first: Tensor;
    };
    const { logits, baseline: spoken } = applyPolicy(agent, batch);
    const baseline = units.inRewards(spoken);
    const targetLogits = logits.slice(0, 0, time);
    const values = baseline.slice(0, 0, time);
    const targetLogProbability = logProbabilities(targetLogits, action);
    const behaviourLogProbability = logProbabilities(behaviourLogits, action);
    const clipped = clipRewards(reward.slice(0, 1), config.rewardClipping);
    const rewards = withFinalValues(clipped, batch, config.discount, units.inRewards);
    const discounts = isFirst.slice(0, 1).logicalNot().to('float32').mul(config.discount);
    const bootstrapValue = baseline.select(0, time);
    if (own !== undefined) {
      const instead = 'Use vtrace({ ... }), or train with ppo.';
      return applyObjective(own, {
        target: { logits: targetLogits, logProbability: targetLogProbability, values, bootstrapValue },
        behaviour: {
          logits: behaviourLogits,
          logProbability: behaviourLogProbability,
          values: batch['behaviour_values'] as Tensor,
        },
        batch: withAbsent(
          { actions: action, rewards, discounts, isFirst: isFirst.slice(0, 0, time) },
          { advantages: instead, returns: instead },
        ),
      });
    }
    const targets = vtrace(
      {
        logRhos: targetLogProbability.sub(behaviourLogProbability),
        discounts,
        rewards,
        values,
        bootstrapValue,
      },
      config,
    );
    const learnt = units.learnt(values, targets);
    const advantages = config.normalizeAdvantages
      ? normalizeAdvantages(learnt.advantages)
      : learnt.advantages;
    const policyLoss = reduce(policyGradientLoss(targetLogProbability, advantages), config.reduction);
    const valueLoss = reduce(baselineLoss(learnt.values, learnt.targets), config.reduction);
    const policyEntropy = entropy(targetLogits);
    const loss = policyLoss
      .add(valueLoss.mul(config.baselineCost))
      .sub(reduce(policyEntropy, config.reduction).mul(config.entropyCost));
    return {
      loss,
      policy_loss: policyLoss,
      baseline_loss: valueLoss,
      entropy: policyEntropy.mean(),
      ...learnt.outputs,
    };
  });
}
