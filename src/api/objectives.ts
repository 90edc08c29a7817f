/** Targets as scripts write them, with the thresholds of the papers where none are given. */
import { algorithms } from '../config/index.ts';
import {
  vtrace as vtraceOf,
  type VtraceInputs,
  type VtraceOptions,
  type VtraceTargets,
} from '../objectives/index.ts';

/**
 * V-trace (Espeholt et al. 2018, section 4.1): value targets `vs` and `pgAdvantages`, both [T, B] and constants, from
 * logRhos, discounts, rewards and values [T, B] and bootstrapValue [B]. Thresholds and lambda are 1 unless given.
 *
 * @example
 * const { vs, pgAdvantages } = vtrace({
 *   logRhos: target.logProbability.sub(behaviour.logProbability),
 *   discounts: batch.discounts,
 *   rewards: batch.rewards,
 *   values: target.values,
 *   bootstrapValue: target.bootstrapValue,
 * });
 */
export function vtrace(inputs: VtraceInputs, options: Partial<VtraceOptions> = {}): VtraceTargets {
  const { clipRhoThreshold, clipPgRhoThreshold, lambda } = algorithms.impala;
  return vtraceOf(inputs, { clipRhoThreshold, clipPgRhoThreshold, lambda, ...options });
}
