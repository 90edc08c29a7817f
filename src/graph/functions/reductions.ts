/** Reductions, and functions along one dimension. `dims` null or absent means all. */
import type { OpName } from '../ops/table.ts';
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

/** Whether a reduced dimension stays, with size 1; default no. */
export interface ReductionOptions {
  readonly keepdim?: boolean;
}
export type ReducedDims = number | readonly number[] | null;

/** Dimensions as a list; an empty one means all. */
export function listOf(dims: ReducedDims | undefined): number[] {
  if (dims === null || dims === undefined) return [];
  return typeof dims === 'number' ? [dims] : [...dims];
}

function reduction(op: OpName): (x: Tensor, dims?: ReducedDims, options?: ReductionOptions) => Tensor {
  return (x, dims, options = {}) => {
    const attrs = { dims: listOf(dims), keepdim: options.keepdim ?? false };
    return emit(op as 'aten.sum.dim_IntList', [x], attrs);
  };
}

/**
 * Sum; bool and integers as int64.
 *
 * @example sum(x, -1) // [T, B, M] to [T, B]
 */
export const sum = reduction('aten.sum.dim_IntList');
/**
 * Arithmetic mean of a floating tensor.
 *
 * @example mean(x, -1) // [T, B, M] to [T, B]
 */
export const mean = reduction('aten.mean.dim');
/**
 * Largest element.
 *
 * @example amax(x, -1) // [T, B, M] to [T, B]
 */
export const amax = reduction('aten.amax.default');
/**
 * Smallest element.
 *
 * @example amin(x, -1) // [T, B, M] to [T, B]
 */
export const amin = reduction('aten.amin.default');
/**
 * log of the sum of exp, without overflow.
 *
 * @example logsumexp(x, -1) // [T, B, M] to [T, B]
 */
export const logsumexp = reduction('aten.logsumexp.default');

/**
 * Variance, divided by N - correction (PyTorch's default correction is 1).
 *
 * @example variance(x, -1) // [T, B, M] to [T, B]
 */
export function variance(
  x: Tensor,
  dims?: ReducedDims,
  options: ReductionOptions & { readonly correction?: number } = {},
): Tensor {
  const attrs = {
    dims: listOf(dims),
    keepdim: options.keepdim ?? false,
    correction: options.correction ?? 1,
  };
  return emit('aten.var.correction', [x], attrs);
}

/**
 * Index of the largest element along `dim`, int64; without `dim`, of the flattened tensor.
 *
 * @example argmax(x, -1) // [T, B, M] to [T, B]
 */
export function argmax(x: Tensor, dim: number | null = null, options: ReductionOptions = {}): Tensor {
  return emit('aten.argmax.default', [x], { dim, keepdim: options.keepdim ?? false });
}

/**
 * Running sum along `dim`.
 *
 * @example cumsum(x, -1) // the shape of x
 */
export function cumsum(x: Tensor, dim: number): Tensor {
  return emit('aten.cumsum.default', [x], { dim });
}

/**
 * exp(x) normalised to sum 1 along `dim`.
 *
 * @example softmax(x, -1) // the shape of x
 */
export function softmax(x: Tensor, dim: number): Tensor {
  return emit('aten.softmax.int', [x], { dim });
}

/**
 * log(softmax(x)), without underflow.
 *
 * @example logSoftmax(x, -1) // the shape of x
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return emit('aten.log_softmax.int', [x], { dim });
}
