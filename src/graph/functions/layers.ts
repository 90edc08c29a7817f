/** Linear algebra and the layers PyTorch has a kernel for, on explicit weights. `src/nn` adds the parameters. */
import type { Dims, MatmulDims, MatmulFits } from '../dims.ts';
import type { Tensor } from '../tensor.ts';
import { emit, emitAll } from '../trace.ts';
import { pair, type Pair, type WindowOptions } from './windows.ts';

/**
 * Matrix product over the last two dimensions; the others broadcast.
 *
 * @example matmul(a, b) // [..., m, k] with [..., k, n] gives [..., m, n]
 */
export function matmul<A extends Dims, B extends Dims>(
  a: Tensor<A>,
  b: Tensor<B> & MatmulFits<A, B>,
): Tensor<MatmulDims<A, B>> {
  return emit('aten.matmul.default', [a, b], {}) as Tensor<MatmulDims<A, B>>;
}

/**
 * x [..., in] times weight [out, in], plus bias [out].
 *
 * @example affine(x, weight, bias) // [..., in], [out, in], [out] give [..., out]
 */
export function affine(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  return emit('aten.linear.default', bias === null ? [x, weight] : [x, weight, bias], {});
}

/**
 * Orthogonal q [m, k] and upper triangular r [k, n] of x [m, n].
 *
 * @example const { q, r } = qr(x) // [m, k] and [k, n] of [m, n]
 */
export function qr(x: Tensor): { readonly q: Tensor; readonly r: Tensor } {
  const [q, r] = emitAll('aten.linalg_qr.default', [x], {}) as [Tensor, Tensor];
  return { q, r };
}

/**
 * Largest element of each window of x [N, C, Y, X].
 *
 * @example maxPool2d(x, 3, { stride: 2, padding: 1 }) // [N, C, 64, 64] to [N, C, 32, 32]
 */
export function maxPool2d(x: Tensor, kernel: Pair, options: WindowOptions = {}): Tensor {
  const attrs = {
    kernel: pair(kernel),
    stride: pair(options.stride ?? kernel),
    padding: pair(options.padding ?? 0),
  };
  return emit('aten.max_pool2d.default', [x], attrs);
}

/**
 * Mean 0 and variance 1 over the last dimension of x [..., M], then weight [M] and bias [M].
 *
 * @example normalizeLayer(x, weight, bias, 1e-5) // [..., M], [M], [M]
 */
export function normalizeLayer(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return emit('aten.layer_norm.default', [x, weight, bias], { epsilon });
}

/** How gradients reach the slow weights: through the whole unroll, or only through each single step. */
export type Bptt = 'unroll' | 'step';

/**
 * The self-referential weight matrix over a whole unroll (Irie et al., ICML 2022, eqs. 5-8).
 *
 * x [T, B, H, D]; w [H, D, D_y + 2 D + 4] in the column order (y, q, k, beta), the slow weights;
 * fastWeightDelta [B, H, D, D_y + 2 D + 4] = W_t - w; isFirst [T, B] bool sends the state back to w before step t.
 * Returns y [T, B, H, D_y], read before each step's own update, and the final fastWeightDelta. w and fastWeightDelta
 * stay float32 where x and y are float16 or bfloat16.
 *
 * @example srwm(x, w, fastWeightDelta, isFirst, { inputSoftmax: true, bptt: 'unroll' })
 */
export function srwm(
  x: Tensor,
  w: Tensor,
  fastWeightDelta: Tensor,
  isFirst: Tensor,
  options: { readonly inputSoftmax: boolean; readonly bptt: Bptt },
): { readonly y: Tensor; readonly fastWeightDelta: Tensor } {
  const attrs = { input_softmax: options.inputSoftmax, bptt: options.bptt };
  const [y, next] = emitAll('srwm.srwm', [x, w, fastWeightDelta, isFirst], attrs) as [Tensor, Tensor];
  return { y, fastWeightDelta: next };
}

/**
 * A memory that is written by the delta rule, over a whole unroll (Schlag et al., ICML 2021, section 4.2).
 *
 * q, k [T, B, H, K], already activated; v [T, B, H, V]; beta [T, B, H], the rate of each write, after its sigmoid;
 * fastWeights [B, H, K, V], rows are keys; isFirst [T, B] bool sends them back to zero before step t. Each step
 * writes W += k (beta (v - k W)) and then reads o = q W. Returns o [T, B, H, V] and the final fastWeights, which stay
 * float32 where the others are float16 or bfloat16.
 *
 * @example const { o, fastWeights: next } = deltaRule(q, k, v, beta, fastWeights, isFirst, { bptt: 'unroll' });
 */
export function deltaRule(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  beta: Tensor,
  fastWeights: Tensor,
  isFirst: Tensor,
  options: { readonly bptt: Bptt },
): { readonly o: Tensor; readonly fastWeights: Tensor } {
  const inputs = [q, k, v, beta, fastWeights, isFirst];
  const [o, next] = emitAll('srwm.delta_rule', inputs, { bptt: options.bptt }) as [Tensor, Tensor];
  return { o, fastWeights: next };
}
