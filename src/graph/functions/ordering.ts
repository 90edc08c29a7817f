/** More reductions, and everything that orders. `dims` or `dim` null or absent means all. */
import type { OpName } from '../ops/table.ts';
import type { Tensor } from '../tensor.ts';
import { emit, emitAll } from '../trace.ts';
import { div, maximum } from './arithmetic.ts';
import { listOf, type ReducedDims, type ReductionOptions } from './reductions.ts';
import { full } from './sources.ts';

/** Elements and where they were found, int64 positions along the dimension. */
export interface Located {
  readonly values: Tensor;
  readonly indices: Tensor;
}

function reduction(op: OpName): (x: Tensor, dims?: ReducedDims, options?: ReductionOptions) => Tensor {
  return (x, dims, options = {}) =>
    emit(op as 'aten.any.dims', [x], { dims: listOf(dims), keepdim: options.keepdim ?? false });
}
function located(op: OpName): (x: Tensor, dim: number, options?: ReductionOptions) => Located {
  return (x, dim, options = {}) => both(op as 'aten.max.dim', x, { dim, keepdim: options.keepdim ?? false });
}
function both(
  op: 'aten.max.dim',
  x: Tensor,
  attrs: { readonly dim: number; readonly keepdim: boolean },
): Located {
  const [values, indices] = emitAll(op, [x], attrs) as [Tensor, Tensor];
  return { values, indices };
}
function along(op: OpName): (x: Tensor, dim: number) => Tensor {
  return (x, dim) => emit(op as 'aten.cumprod.default', [x], { dim });
}
function running(op: 'aten.cummax.default' | 'aten.cummin.default'): (x: Tensor, dim: number) => Located {
  return (x, dim) => {
    const [values, indices] = emitAll(op, [x], { dim }) as [Tensor, Tensor];
    return { values, indices };
  };
}

/**
 * True where any element is not 0; bool (uint8 stays uint8).
 *
 * @example any(x, -1) // [T, B, M] to [T, B]
 */
export const any = reduction('aten.any.dims');
/**
 * True where no element is 0; bool (uint8 stays uint8).
 *
 * @example all(x, -1) // [T, B, M] to [T, B]
 */
export const all = reduction('aten.all.dims');
/**
 * Sum of the elements that are not NaN.
 *
 * @example nansum(x, -1) // [T, B, M] to [T, B]
 */
export const nansum = reduction('aten.nansum.default');
/**
 * Mean of the elements that are not NaN.
 *
 * @example nanmean(x, -1) // [T, B, M] to [T, B]
 */
export const nanmean = reduction('aten.nanmean.default');

/**
 * Product along one dimension, or of all elements; bool and integers as int64.
 *
 * @example prod(x, -1) // [T, B, M] to [T, B]
 */
export function prod(x: Tensor, dim: number | null = null, options: ReductionOptions = {}): Tensor {
  return emit('aten.prod.dim_int', [x], { dim, keepdim: options.keepdim ?? false });
}

/**
 * Standard deviation, divided by N - correction (PyTorch's default correction is 1).
 *
 * @example std(x, -1) // [T, B, M] to [T, B]
 */
export function std(
  x: Tensor,
  dims?: ReducedDims,
  options: ReductionOptions & { readonly correction?: number } = {},
): Tensor {
  const { keepdim = false, correction = 1 } = options;
  return emit('aten.std.correction', [x], { dims: listOf(dims), keepdim, correction });
}

/** The p-norm of a floating tensor: (sum |x|^p)^(1/p). @example norm(x, -1) // [..., M] to [...] */
export function norm(
  x: Tensor,
  dims?: ReducedDims,
  options: ReductionOptions & { readonly p?: number } = {},
): Tensor {
  const { keepdim = false, p = 2 } = options;
  return emit('aten.linalg_vector_norm.default', [x], { ord: p, dims: listOf(dims), keepdim });
}

/** x divided by its p-norm along `dim`, at least `epsilon`. @example normalize(features, -1) */
export function normalize(
  x: Tensor,
  dim: number,
  options: { readonly p?: number; readonly epsilon?: number } = {},
): Tensor {
  const { p = 2, epsilon = 1e-12 } = options;
  return div(x, maximum(norm(x, dim, { p, keepdim: true }), full([], epsilon, x.dtype)));
}

/** The q-quantile of float32 or float64, interpolated. @example quantile(returns, 0.95, 0) */
export function quantile(
  x: Tensor,
  q: number,
  dim: number | null = null,
  options: ReductionOptions = {},
): Tensor {
  return emit('aten.quantile.scalar', [x], { q, dim, keepdim: options.keepdim ?? false });
}

/**
 * Index of the smallest element, int64; without `dim`, of the flattened tensor.
 *
 * @example argmin(x, -1) // [T, B, M] to [T, B]
 */
export function argmin(x: Tensor, dim: number | null = null, options: ReductionOptions = {}): Tensor {
  return emit('aten.argmin.default', [x], { dim, keepdim: options.keepdim ?? false });
}

/** Largest element along `dim` and its index. @example const { values, indices } = max(logits, -1) */
export const max = located('aten.max.dim');
/**
 * Smallest element along `dim` and its index.
 *
 * @example min(x, -1) // values and indices, [T, B] to [T]
 */
export const min = located('aten.min.dim');
/**
 * Lower median along `dim` and its index.
 *
 * @example median(x, -1) // [T, B] to [T]
 */
export const median = located('aten.median.dim');

/**
 * Sorted along `dim`, equal elements in their order, and where each came from.
 *
 * @example sort(x, -1) // the shape of x
 */
export function sort(x: Tensor, dim: number = -1, options: { readonly descending?: boolean } = {}): Located {
  const attrs = { dim, descending: options.descending ?? false };
  const [values, indices] = emitAll('aten.sort.stable', [x], attrs) as [Tensor, Tensor];
  return { values, indices };
}

/**
 * The indices that sort `x` along `dim`, int64.
 *
 * @example argsort(x, -1) // the shape of x
 */
export function argsort(
  x: Tensor,
  dim: number = -1,
  options: { readonly descending?: boolean } = {},
): Tensor {
  return sort(x, dim, options).indices;
}

/** The k largest (or smallest) elements along `dim`, in order. @example topk(logits, 5).indices // [..., 5] */
export function topk(
  x: Tensor,
  k: number,
  dim: number = -1,
  options: { readonly largest?: boolean } = {},
): Located {
  const attrs = { k, dim, largest: options.largest ?? true };
  const [values, indices] = emitAll('aten.topk.default', [x], attrs) as [Tensor, Tensor];
  return { values, indices };
}

/**
 * Running product along `dim`.
 *
 * @example cumprod(x, -1) // the shape of x
 */
export const cumprod = along('aten.cumprod.default');
/**
 * Running log of the sum of exp along `dim`.
 *
 * @example logcumsumexp(x, -1) // the shape of x
 */
export const logcumsumexp = along('aten.logcumsumexp.default');
/**
 * Running maximum along `dim` and its index.
 *
 * @example cummax(x, -1) // the shape of x
 */
export const cummax = running('aten.cummax.default');
/**
 * Running minimum along `dim` and its index.
 *
 * @example cummin(x, -1) // the shape of x
 */
export const cummin = running('aten.cummin.default');

/**
 * Where each value would be inserted into the ascending `boundaries` [N], int64.
 *
 * @example searchsorted(support, targets) // the atom above each target
 */
export function searchsorted(
  boundaries: Tensor,
  values: Tensor,
  options: { readonly right?: boolean } = {},
): Tensor {
  return emit('aten.searchsorted.Tensor', [boundaries, values], { right: options.right ?? false });
}
