/** Actor-critic losses. All sums or means are over [T, B]; the caller chooses which. */
import { maximum, minimum, stopGradient, type Tensor } from '../graph/index.ts';

export type Reduction = 'sum' | 'mean';

export function reduce(x: Tensor, reduction: Reduction): Tensor {
  return reduction === 'sum' ? x.sum() : x.mean();
}

/**
 * log pi(a_t) [T, B] of actions [T, B] int64 under logits [T, B, A].
 *
 * @example logProbabilities(logits, actions) // [T, B, A] and int64 [T, B] to [T, B]
 */
export function logProbabilities(logits: Tensor, actions: Tensor): Tensor {
  return logits.logSoftmax(-1).gather(-1, actions.unsqueeze(-1)).squeeze(-1);
}

/**
 * -log pi(a_t) A_t, [T, B]; no gradient through the advantages.
 *
 * @example policyGradientLoss(target.logProbability, advantages).sum()
 */
export function policyGradientLoss(logProbability: Tensor, advantages: Tensor): Tensor {
  return logProbability.mul(stopGradient(advantages)).neg();
}

/**
 * (target - V)^2 / 2, [T, B]; no gradient through the target.
 *
 * @example baselineLoss(target.values, batch.returns).mean()
 */
export function baselineLoss(values: Tensor, targets: Tensor): Tensor {
  return stopGradient(targets).sub(values).square().mul(0.5);
}

/**
 * Entropy of softmax(logits), [T, B].
 *
 * @example entropy(target.logits).mean()
 */
export function entropy(logits: Tensor): Tensor {
  const logProbability = logits.logSoftmax(-1);
  return logProbability.exp().mul(logProbability).sum(-1).neg();
}

/**
 * The clipped surrogate (Schulman et al. 2017, eq. 7) as a loss, [T, B]: max(-A r, -A clip(r, 1 - e, 1 + e)) with
 * r = exp(log pi - log mu).
 *
 * @example clippedPolicyLoss(target.logProbability, behaviour.logProbability, batch.advantages, 0.2).mean()
 */
export function clippedPolicyLoss(
  logProbability: Tensor,
  behaviourLogProbability: Tensor,
  advantages: Tensor,
  clip: number,
): Tensor {
  const ratio = logProbability.sub(stopGradient(behaviourLogProbability)).exp();
  const scaled = stopGradient(advantages).neg();
  return maximum(scaled.mul(ratio), scaled.mul(ratio.clamp(1 - clip, 1 + clip)));
}

/**
 * Squared error that does not reward moves of the value beyond `clip` from its former estimate, / 2, [T, B].
 *
 * @example clippedBaselineLoss(target.values, behaviour.values, batch.returns, 0.2).mean()
 */
export function clippedBaselineLoss(
  values: Tensor,
  formerValues: Tensor,
  targets: Tensor,
  clip: number,
): Tensor {
  const limited = formerValues.add(values.sub(formerValues).clamp(-clip, clip));
  return maximum(values.sub(targets).square(), limited.sub(targets).square()).mul(0.5);
}

/** Share of importance ratios that the clip cuts off, []; a measure of how far an update goes. */
export function clippedShare(logProbability: Tensor, behaviourLogProbability: Tensor, clip: number): Tensor {
  const ratio = logProbability.sub(behaviourLogProbability).exp();
  const inside = minimum(ratio.sub(1 - clip), ratio.neg().add(1 + clip));
  return inside.lt(0).to('float32').mean();
}
