/** Normalisations on explicit weights. `src/nn` adds the parameters. */
import type { Tensor } from '../tensor.ts';
import { emit, emitAll } from '../trace.ts';

/**
 * x [..., M] divided by its root mean square over the last dimension, times weight [M] (Zhang and Sennrich 2019).
 *
 * @example normalizeRms(x, weight, 1e-6) // [..., M], [M]
 */
export function normalizeRms(x: Tensor, weight: Tensor | null, epsilon: number): Tensor {
  return emit('aten.rms_norm.default', weight === null ? [x] : [x, weight], { epsilon });
}

/**
 * Mean 0 and variance 1 over each group of channels of x [N, C, ...] (Wu and He 2018), then weight [C] and bias [C].
 *
 * @example normalizeGroups(x, 8, { weight, bias }, 1e-5) // [N, C, ...], [C]
 */
export function normalizeGroups(
  x: Tensor,
  groups: number,
  affine: { readonly weight: Tensor; readonly bias: Tensor } | null,
  epsilon: number,
): Tensor {
  const inputs = affine === null ? [x] : [x, affine.weight, affine.bias];
  return emit('aten.group_norm.default', inputs, { num_groups: groups, epsilon });
}

/**
 * Mean 0 and variance 1 over each channel of each image of x [N, C, ...] (Ulyanov et al. 2016).
 *
 * @example normalizeInstances(x, { weight, bias }, 1e-5) // [N, C, ...], [C]
 */
export function normalizeInstances(
  x: Tensor,
  affine: { readonly weight: Tensor; readonly bias: Tensor } | null,
  epsilon: number,
): Tensor {
  return normalizeGroups(x, x.size(1), affine, epsilon);
}

/** Mean and variance of every channel, [C] each. */
export interface RunningStatistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * Mean 0 and variance 1 over each channel of the batch x [N, C, ...] (Ioffe and Szegedy 2015), then weight and bias [C].
 * Returns the statistics to keep: (1 - momentum) of the former ones and momentum of the batch's.
 *
 * @example normalizeBatch(x, { weight, bias }, running, { momentum: 0.1, epsilon: 1e-5 }) // [N, C, ...], [C]
 */
export function normalizeBatch(
  x: Tensor,
  affine: { readonly weight: Tensor; readonly bias: Tensor },
  running: RunningStatistics,
  options: { readonly momentum: number; readonly epsilon: number },
): { readonly y: Tensor; readonly running: RunningStatistics } {
  const inputs = [x, affine.weight, affine.bias, running.mean, running.variance];
  const [y, mean, variance] = emitAll('aten._batch_norm_with_update_functional.default', inputs, {
    ...options,
  }) as [Tensor, Tensor, Tensor];
  return { y, running: { mean, variance } };
}

/**
 * As `normalizeBatch` with the kept statistics: evaluation.
 *
 * @example normalizeWith(x, { weight, bias }, running, 1e-5) // [N, C, ...], [C]
 */
export function normalizeWith(
  x: Tensor,
  affine: { readonly weight: Tensor; readonly bias: Tensor },
  { mean, variance }: RunningStatistics,
  epsilon: number,
): Tensor {
  return emit('aten.batch_norm.default', [x, affine.weight, affine.bias, mean, variance], { epsilon });
}
