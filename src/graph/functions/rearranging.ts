/** Repeating, padding, splitting, triangles, and views that are made of other views. */
import type { Tensor } from '../tensor.ts';
import { emit, emitAll } from '../trace.ts';
import { expand, permute, reshape, unsqueeze } from './shapes.ts';
import { sub } from './arithmetic.ts';
import { slice } from './shapes.ts';

/** The tensor `repeats[i]` times along dimension i, copied. @example repeat(x, [2, 1]) // [B, M] to [2 B, M] */
export function repeat(x: Tensor, repeats: readonly number[]): Tensor {
  return emit('aten.repeat.default', [x], { repeats: [...repeats] });
}

/**
 * As `repeat`, with missing leading counts taken as 1, like numpy.tile.
 *
 * @example tile(x, [2, 1]) // [N, M] to [2 N, M]
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  const missing = Math.max(0, x.rank - repeats.length);
  return repeat(x, [...Array<number>(missing).fill(1), ...repeats]);
}

/**
 * Every element `repeats` times in a row along `dim`: a, a, b, b.
 *
 * @example repeatInterleave(x, 2, 0) // [N, M] to [2 N, M]
 */
export function repeatInterleave(x: Tensor, repeats: number, dim: number): Tensor {
  return emit('aten.repeat_interleave.self_int', [x], { repeats, dim });
}

/** Shifted along `dim`; what leaves at the end comes in at the front. @example roll(x, 1, 0) */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  dims: number | readonly number[],
): Tensor {
  const list = (value: number | readonly number[]) => (typeof value === 'number' ? [value] : [...value]);
  return emit('aten.roll.default', [x], { shifts: list(shifts), dims: list(dims) });
}

/** Zeros above the given diagonal of the last two dimensions. @example tril(ones([T, T], 'bool')) // causal mask */
export function tril(x: Tensor, diagonal: number = 0): Tensor {
  return emit('aten.tril.default', [x], { diagonal });
}

/**
 * Zeros below the given diagonal of the last two dimensions.
 *
 * @example triu(x) // [..., n, n], zero below the diagonal
 */
export function triu(x: Tensor, diagonal: number = 0): Tensor {
  return emit('aten.triu.default', [x], { diagonal });
}

/**
 * Vectors on the diagonal of matrices: [..., n] to [..., n + |offset|, n + |offset|].
 *
 * @example diagEmbed(x) // [..., n] to [..., n, n]
 */
export function diagEmbed(x: Tensor, offset: number = 0): Tensor {
  return emit('aten.diag_embed.default', [x], { offset });
}

/**
 * Parts of the given sizes along `dim`; one number cuts parts of that size, the last may be smaller.
 *
 * @example split(x, [4, 4], -1) // [..., 8] to two of [..., 4]
 */
export function split(x: Tensor, sizes: number | readonly number[], dim: number): readonly Tensor[] {
  return emitAll('aten.split_with_sizes.default', [x], {
    sizes: typeof sizes === 'number' ? evenly(x.size(dim), sizes) : [...sizes],
    dim,
  });
}

function evenly(total: number, size: number): number[] {
  if (!(size >= 1)) return [size];
  const whole = Array.from({ length: Math.floor(total / size) }, () => size);
  return total % size === 0 && total > 0 ? whole : [...whole, total % size];
}

/** At most `count` parts of equal size along `dim`; the last may be smaller. @example const [q, k, v] = chunk(x, 3, -1) */
export function chunk(x: Tensor, count: number, dim: number): readonly Tensor[] {
  return split(x, Math.max(1, Math.ceil(x.size(dim) / count)), dim);
}

/** All slices along `dim`, without that dimension. @example const [x, y] = unbind(points, -1) */
export function unbind(x: Tensor, dim: number = 0): readonly Tensor[] {
  return emitAll('aten.unbind.int', [x], { dim });
}

/**
 * Longer or shorter at the borders: `pad` holds (before, after) of the last dimension, then of the one before it.
 *
 * @example pad(x, [1, 1, 0, 2]) // one column on both sides, two rows below
 */
export function pad(
  x: Tensor,
  pad: readonly number[],
  options: {
    readonly mode?: 'constant' | 'reflect' | 'replicate' | 'circular';
    readonly value?: number;
  } = {},
): Tensor {
  const { mode = 'constant', value = 0 } = options;
  return emit('aten.pad.default', [x], { pad: [...pad], mode, value: mode === 'constant' ? value : null });
}

/**
 * Windows of `size` along `dim`, every `step`, as a new last dimension: [..., L, ...] to [..., n, ..., size].
 *
 * @example unfold(x, 0, 4, 2) // windows of 4, every 2
 */
export function unfold(x: Tensor, dim: number, size: number, step: number = 1): Tensor {
  return emit('aten.unfold.default', [x], { dim, size, step });
}

/** One dimension cut into several. @example unflatten(x, -1, [heads, -1]) // [B, M] to [B, H, M / H] */
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  const at = dim < 0 ? dim + x.rank : dim;
  return reshape(x, [...x.shape.slice(0, at), ...sizes, ...x.shape.slice(at + 1)]);
}

/** One dimension moved to another place, the others in order. @example movedim(image, -1, 1) // NHWC to NCHW */
export function movedim(x: Tensor, from: number, to: number): Tensor {
  const order = [...x.shape.keys()];
  const [moved] = order.splice(from < 0 ? from + x.rank : from, 1);
  order.splice(to < 0 ? to + x.rank : to, 0, moved ?? from);
  return permute(x, order);
}

/**
 * Differences of neighbours along `dim`: [..., L, ...] to [..., L - 1, ...].
 *
 * @example diff(x) // [..., n] to [..., n - 1]
 */
export function diff(x: Tensor, dim: number = -1): Tensor {
  return sub(slice(x, dim, 1), slice(x, dim, 0, x.size(dim) - 1));
}

/**
 * The grids of coordinates [n, m] of x [n] and y [m], x along the rows (indexing "ij").
 *
 * @example meshgrid(x, y) // [n] and [m] give two of [n, m]
 */
export function meshgrid(x: Tensor, y: Tensor): readonly [Tensor, Tensor] {
  const shape = [x.size(0), y.size(0)];
  return [expand(unsqueeze(x, 1), shape), expand(unsqueeze(y, 0), shape)];
}
