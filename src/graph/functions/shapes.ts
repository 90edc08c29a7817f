/** Views, joins and indexing. Negative dimensions count from the end. */
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

/** The same elements in another shape; one size may be -1. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return emit('aten.reshape.default', [x], { shape: [...shape] });
}

/** Joins dimensions `start` to `end`, both included, into one. */
export function flatten(x: Tensor, start: number = 0, end: number = -1): Tensor {
  const from = start < 0 ? start + x.rank : start;
  const to = end < 0 ? end + x.rank : end;
  return reshape(x, [...x.shape.slice(0, from), -1, ...x.shape.slice(to + 1)]);
}

/** Dimensions in another order. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  return emit('aten.permute.default', [x], { dims: [...dims] });
}

/** Exchanges two dimensions. */
export function transpose(x: Tensor, a: number, b: number): Tensor {
  const dims = [...x.shape.keys()];
  const [i, j] = [a < 0 ? a + x.rank : a, b < 0 ? b + x.rank : b];
  [dims[i], dims[j]] = [j, i];
  return permute(x, dims);
}

/** Repeats dimensions of size 1 without copying; -1 keeps a size. */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  return emit('aten.expand.default', [x], { shape: [...shape] });
}

/** Inserts a dimension of size 1. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  return emit('aten.unsqueeze.default', [x], { dim });
}

/** Removes a dimension of size 1. */
export function squeeze(x: Tensor, dim: number): Tensor {
  return emit('aten.squeeze.dim', [x], { dim });
}

/** Elements `start` (included) to `end` (excluded) along `dim`; negative positions count from the end. */
export function slice(
  x: Tensor,
  dim: number,
  start: number,
  end: number = x.size(dim),
  step: number = 1,
): Tensor {
  return emit('aten.slice.Tensor', [x], { dim, start, end, step });
}

/** Element `index` along `dim`, without that dimension. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  return emit('aten.select.int', [x], { dim, index });
}

/** Reversed along the given dimensions. */
export function flip(x: Tensor, dims: readonly number[]): Tensor {
  return emit('aten.flip.default', [x], { dims: [...dims] });
}

/** Joined along an existing dimension. */
export function cat(xs: readonly Tensor[], dim: number): Tensor {
  return emit('aten.cat.default', xs, { dim });
}

/** Joined along a new dimension. */
export function stack(xs: readonly Tensor[], dim: number): Tensor {
  return emit('aten.stack.default', xs, { dim });
}

/** Element `index` (int64, same rank) along `dim`. */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  return emit('aten.gather.default', [x, index], { dim });
}

/** Rows `index` (int64 [n]) of dimension `dim`. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  return emit('aten.index_select.default', [x, index], { dim });
}

/** A diagonal of the last two dimensions; `offset` > 0 lies above the main one. [..., n, m] to [..., k]. */
export function diagonal(x: Tensor, offset: number = 0): Tensor {
  return emit('aten.diagonal.default', [x], offset === 0 ? {} : { offset });
}
