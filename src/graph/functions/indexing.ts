/** Reading and writing at positions that are tensors. Writing never changes its input: it gives a new tensor. */
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';
import { eq } from './arithmetic.ts';
import { cast } from './elementwise.ts';
import { unsqueeze } from './shapes.ts';
import { arange, full } from './sources.ts';

/**
 * x with `source` written at `index` (int64, same rank) along `dim`. With an index twice, one of them wins.
 *
 * @example scatter(x, 0, index, source) // int64 index, as source
 */
export function scatter(x: Tensor, dim: number, index: Tensor, source: Tensor | number): Tensor {
  const values = typeof source === 'number' ? full(index.shape, source, x.dtype) : source;
  return emit('aten.scatter.src', [x, index, values], { dim });
}

/**
 * x with `source` added at `index` (int64, same rank) along `dim`; an index twice adds twice.
 *
 * @example scatterAdd(x, 0, index, source) // int64 index, as source
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return emit('aten.scatter_add.default', [x, index, source], { dim });
}

/**
 * x with `source` combined at `index` along `dim`; `includeSelf` false leaves the former elements out.
 *
 * @example scatterReduce(x, 0, index, source, 'amax') // int64 index, as source
 */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: 'sum' | 'prod' | 'mean' | 'amax' | 'amin',
  options: { readonly includeSelf?: boolean } = {},
): Tensor {
  const attrs = { dim, reduce, include_self: options.includeSelf ?? true };
  return emit('aten.scatter_reduce.two', [x, index, source], attrs);
}

/** x with slices of `source` added at `index` (int64 [n]) of `dim`. @example indexAdd(zeros([N, M]), 0, owner, values) */
export function indexAdd(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return emit('aten.index_add.default', [x, index, source], { dim });
}

/**
 * x with slices of `source` in place of those at `index` (int64 [n]) of `dim`.
 *
 * @example indexCopy(x, 0, rows, source) // int64 [n], [n, M]
 */
export function indexCopy(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return emit('aten.index_copy.default', [x, index, source], { dim });
}

/**
 * Elements at `index` (int64, same rank) along `dim`; unlike `gather` the other dimensions broadcast.
 *
 * @example takeAlongDim(x, index, -1) // int64 index, as the result
 */
export function takeAlongDim(x: Tensor, index: Tensor, dim: number): Tensor {
  return emit('aten.take_along_dim.default', [x, index], { dim });
}

/** x[i, j, ...] with int64 tensors for the first dimensions, which broadcast. @example indexAt(table, [row, column]) */
export function indexAt(x: Tensor, indices: readonly Tensor[]): Tensor {
  return emit('aten.index.Tensor', [x, ...indices], {});
}

/**
 * x with `values` at [i, j, ...]; `accumulate` adds instead.
 *
 * @example indexPut(x, [rows, columns], values)
 */
export function indexPut(
  x: Tensor,
  indices: readonly Tensor[],
  values: Tensor,
  options: { readonly accumulate?: boolean } = {},
): Tensor {
  return emit('aten.index_put.default', [x, values, ...indices], { accumulate: options.accumulate ?? false });
}

/** `value` where `mask` is true. @example maskedFill(scores, mask, -Infinity) */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  return emit('aten.masked_fill.Scalar', [x, mask], { value });
}

/**
 * Rows of weight [N, E] at `index` of any shape: [...] to [..., E].
 *
 * @example lookUp(weight, index) // [N, M] and int64 [...] give [..., M]
 */
export function lookUp(weight: Tensor, index: Tensor): Tensor {
  return emit('aten.embedding.default', [weight, index], {});
}

/**
 * 1 at the class, 0 elsewhere: index [...] to int64 [..., classes]. A class outside gives zeros, no error.
 *
 * @example oneHot(actions, 15) // int64 [T, B] to [T, B, 15]
 */
export function oneHot(index: Tensor, classes: number): Tensor {
  return cast(eq(unsqueeze(index, -1), arange(classes)), 'int64');
}
