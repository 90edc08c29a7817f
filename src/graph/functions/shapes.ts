/** Views, joins and indexing. Negative dimensions count from the end. */
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

/**
 * The same elements in another shape; one size may be -1.
 *
 * @example reshape(x, [4, -1]) // [2, 2, 8] to [4, 8]
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return emit('aten.reshape.default', [x], { shape: [...shape] });
}

/**
 * Joins dimensions `start` to `end`, both included, into one.
 *
 * @example flatten(x, 1) // [N, 3, 4] to [N, 12]
 */
export function flatten(x: Tensor, start: number = 0, end: number = -1): Tensor {
  const from = start < 0 ? start + x.rank : start;
  const to = end < 0 ? end + x.rank : end;
  return reshape(x, [...x.shape.slice(0, from), -1, ...x.shape.slice(to + 1)]);
}

/**
 * Dimensions in another order.
 *
 * @example permute(x, [0, 3, 1, 2]) // [N, Y, X, C] to [N, C, Y, X]
 */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  return emit('aten.permute.default', [x], { dims: [...dims] });
}

/**
 * Exchanges two dimensions.
 *
 * @example transpose(x, -1, -2) // [..., m, n] to [..., n, m]
 */
export function transpose(x: Tensor, a: number, b: number): Tensor {
  const dims = [...x.shape.keys()];
  const [i, j] = [a < 0 ? a + x.rank : a, b < 0 ? b + x.rank : b];
  [dims[i], dims[j]] = [j, i];
  return permute(x, dims);
}

/**
 * Repeats dimensions of size 1 without copying; -1 keeps a size.
 *
 * @example expand(x, [4, 8]) // [1, 8] to [4, 8]
 */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  return emit('aten.expand.default', [x], { shape: [...shape] });
}

/**
 * Inserts a dimension of size 1.
 *
 * @example unsqueeze(x, -1) // [T, B] to [T, B, 1]
 */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  return emit('aten.unsqueeze.default', [x], { dim });
}

/**
 * Removes a dimension of size 1.
 *
 * @example squeeze(x, -1) // [T, B, 1] to [T, B]
 */
export function squeeze(x: Tensor, dim: number): Tensor {
  return emit('aten.squeeze.dim', [x], { dim });
}

/**
 * Elements `start` (included) to `end` (excluded) along `dim`; negative positions count from the end.
 *
 * @example slice(x, 0, 1) // [T, B] to [T - 1, B], without the first step
 */
export function slice(
  x: Tensor,
  dim: number,
  start: number,
  end: number = x.size(dim),
  step: number = 1,
): Tensor {
  return emit('aten.slice.Tensor', [x], { dim, start, end, step });
}

/**
 * Element `index` along `dim`, without that dimension.
 *
 * @example select(x, 0, 2) // [T, B] to [B], step 2
 */
export function select(x: Tensor, dim: number, index: number): Tensor {
  return emit('aten.select.int', [x], { dim, index });
}

/**
 * Reversed along the given dimensions.
 *
 * @example flip(x, [0]) // [T, B], last step first
 */
export function flip(x: Tensor, dims: readonly number[]): Tensor {
  return emit('aten.flip.default', [x], { dims: [...dims] });
}

/**
 * Joined along an existing dimension.
 *
 * @example cat([a, b], 0) // [2, 8] and [3, 8] give [5, 8]
 */
export function cat(xs: readonly Tensor[], dim: number): Tensor {
  return emit('aten.cat.default', xs, { dim });
}

/**
 * Joined along a new dimension.
 *
 * @example stack([a, b], 0) // [8] and [8] give [2, 8]
 */
export function stack(xs: readonly Tensor[], dim: number): Tensor {
  return emit('aten.stack.default', xs, { dim });
}

/**
 * Element `index` (int64, same rank) along `dim`.
 *
 * @example gather(logits, -1, actions.unsqueeze(-1)) // [T, B, A] to [T, B, 1]
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  return emit('aten.gather.default', [x, index], { dim });
}

/**
 * Rows `index` (int64 [n]) of dimension `dim`.
 *
 * @example indexSelect(x, 0, rows) // [N, M] with int64 [n] gives [n, M]
 */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  return emit('aten.index_select.default', [x, index], { dim });
}

/**
 * A diagonal of the last two dimensions; `offset` > 0 lies above the main one. [..., n, m] to [..., k].
 *
 * @example diagonal(x) // [..., n, n] to [..., n]
 */
export function diagonal(x: Tensor, offset: number = 0): Tensor {
  return emit('aten.diagonal.default', [x], offset === 0 ? {} : { offset });
}
