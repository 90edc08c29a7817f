/** Einstein sums, factorisations, distances, attention. Matrices are the last two dimensions. */
import type { Tensor } from '../tensor.ts';
import { emit, emitAll } from '../trace.ts';
import { mul } from './arithmetic.ts';
import { sum } from './reductions.ts';
import { diagonal, unsqueeze } from './shapes.ts';

/** Sums of products over named dimensions. @example einsum('bhtd,bhsd->bhts', q, k) */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  return emit('aten.einsum.default', operands, { equation });
}

/**
 * a_i b_j: [n] and [m] to [n, m]; leading dimensions broadcast.
 *
 * @example outer(a, b) // [n] and [m] give [n, m]
 */
export function outer(a: Tensor, b: Tensor): Tensor {
  return mul(unsqueeze(a, -1), unsqueeze(b, -2));
}

/**
 * Sum of products along the last dimension: [..., n] and [..., n] to [...].
 *
 * @example dot(a, b) // [n] and [n] give []
 */
export function dot(a: Tensor, b: Tensor): Tensor {
  return sum(mul(a, b), -1);
}

/**
 * Sum of the main diagonal: [..., n, m] to [...].
 *
 * @example matrixTrace(x) // [n, n] to []
 */
export function matrixTrace(x: Tensor): Tensor {
  return sum(diagonal(x), -1);
}

/**
 * Lower triangular L [..., n, n] with x = L L^T, for x symmetric and positive definite.
 *
 * @example cholesky(x) // [n, n], positive definite
 */
export function cholesky(x: Tensor): Tensor {
  return emit('aten.linalg_cholesky.default', [x], {});
}

/**
 * The inverse of [..., n, n]; prefer `solve(a, b)` to `inverse(a).matmul(b)`.
 *
 * @example inverse(x) // [..., n, n]
 */
export function inverse(x: Tensor): Tensor {
  return emit('aten.linalg_inv.default', [x], {});
}

/**
 * y with a y = b, for a [..., n, n] and b [..., n, k].
 *
 * @example solve(a, b) // [n, n] and [n, k] give [n, k]
 */
export function solve(a: Tensor, b: Tensor): Tensor {
  return emit('aten.linalg_solve.default', [a, b], {});
}

/**
 * y with a y = b, for a triangular a [..., n, n] and b [..., n, k].
 *
 * @example solveTriangular(a, b, { upper: false }) // [n, n] and [n, k]
 */
export function solveTriangular(a: Tensor, b: Tensor, options: { readonly upper: boolean }): Tensor {
  return emit('aten.linalg_solve_triangular.default', [a, b], { upper: options.upper });
}

/**
 * Sign [...] and logarithm of the absolute value [...] of the determinant of [..., n, n].
 *
 * @example slogdet(x) // [..., n, n]
 */
export function slogdet(x: Tensor): { readonly sign: Tensor; readonly logAbsDet: Tensor } {
  const [sign, logAbsDet] = emitAll('aten.linalg_slogdet.default', [x], {}) as [Tensor, Tensor];
  return { sign, logAbsDet };
}

/**
 * Ascending eigenvalues [..., n] and eigenvectors [..., n, n] (columns) of a symmetric matrix.
 *
 * @example eigh(x) // [n, n], symmetric
 */
export function eigh(x: Tensor): { readonly eigenvalues: Tensor; readonly eigenvectors: Tensor } {
  const [eigenvalues, eigenvectors] = emitAll('aten.linalg_eigh.default', [x], {}) as [Tensor, Tensor];
  return { eigenvalues, eigenvectors };
}

/**
 * p-norms of all differences: [..., n, d] and [..., m, d] to [..., n, m].
 *
 * @example cdist(a, b) // [n, d] and [m, d] give [n, m]
 */
export function cdist(a: Tensor, b: Tensor, p: number = 2): Tensor {
  return emit('aten.cdist.default', [a, b], { p });
}

/**
 * softmax(query key^T scale + mask) value (Vaswani et al. 2017), in PyTorch's fused kernel.
 *
 * query [..., L, E], key [..., S, E], value [..., S, V]; mask bool (true = may look) or floating (is added), to
 * [..., L, S]; `causal` masks the future. `scale` is 1 / sqrt(E) unless given. Returns [..., L, V].
 *
 * @example attention(q, k, v, { causal: true })
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: { readonly causal?: boolean; readonly mask?: Tensor; readonly scale?: number } = {},
): Tensor {
  const { causal = false, mask, scale = null } = options;
  const inputs = mask === undefined ? [query, key, value] : [query, key, value, mask];
  return emit('aten.scaled_dot_product_attention.default', inputs, { is_causal: causal, scale });
}
