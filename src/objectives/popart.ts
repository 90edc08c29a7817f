/**
 * PopArt (van Hasselt et al. 2016; Hessel et al. 2018 for many tasks): values are learnt in units of their own scale, one
 * mean and one scale a task, and the value head is rescaled whenever these move, so that what it says stays the same.
 */
import { oneHot, where, type Tensor } from '../graph/index.ts';

/** Running moments of the value targets, one of each a task: [K]. */
export interface ValueMoments {
  readonly mean: Tensor;
  /** Mean of the squares. */
  readonly second: Tensor;
}

/** How fast the moments move, and the bounds of the scale. */
export interface PopArtOptions {
  readonly stepSize: number;
  readonly minScale: number;
  readonly maxScale: number;
}

/** The deviation that the moments stand for, within its bounds, [K]. */
export function valueScale(moments: ValueMoments, options: PopArtOptions): Tensor {
  const variance = moments.second.sub(moments.mean.square());
  // The difference of two large numbers may be just below 0.
  return variance.clamp(0, null).sqrt().clamp(options.minScale, options.maxScale);
}

/**
 * The moments after one more batch of value targets [T, B] of tasks int64 [B] (Hessel et al. 2018, equation 6, with the
 * mean over the elements of a task in the place of one target). A task without a column keeps its moments, and all do
 * where a target is not finite. Built from sums and counts, which add up over ranks.
 */
export function updatedMoments(
  former: ValueMoments,
  targets: Tensor,
  tasks: Tensor,
  options: PopArtOptions,
): ValueMoments {
  const [time, numTasks] = [targets.size(0), former.mean.size(0)];
  const members = oneHot(tasks, numTasks).to('float32');
  const sumOf = (perColumn: Tensor) => members.mul(perColumn.unsqueeze(-1)).sum(0);
  const count = members.sum(0).mul(time);
  const step = (before: Tensor, values: Tensor): Tensor => {
    const sum = sumOf(values.sum(0));
    const mean = sum.div(count.clamp(1, null));
    const moved = before.add(mean.sub(before).mul(options.stepSize));
    return where(count.gt(0).logicalAnd(sum.sum().isfinite()), moved, before);
  };
  return { mean: step(former.mean, targets), second: step(former.second, targets.square()) };
}

/**
 * The value head [K, M] and its bias [K] that say in the new units what the former ones said in the old:
 * w' = w s / s', b' = (s b + m - m') / s'.
 */
export function rescaledHead(
  head: { readonly weight: Tensor; readonly bias: Tensor },
  former: { readonly mean: Tensor; readonly scale: Tensor },
  next: { readonly mean: Tensor; readonly scale: Tensor },
): { readonly weight: Tensor; readonly bias: Tensor } {
  return {
    weight: head.weight.mul(former.scale.div(next.scale).unsqueeze(-1)),
    bias: former.scale.mul(head.bias).add(former.mean).sub(next.mean).div(next.scale),
  };
}

/** What each column of [T, B, K] says about its own task, [T, B]. */
export function ofOwnTask(perTask: Tensor, tasks: Tensor): Tensor {
  return perTask.mul(oneHot(tasks, perTask.size(-1)).to('float32')).sum(-1);
}
