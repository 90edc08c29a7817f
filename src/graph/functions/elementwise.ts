/** Functions of one element. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import type { Dims } from '../dims.ts';
import type { OpName } from '../ops/table.ts';
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

function unary(op: OpName): <S extends Dims>(x: Tensor<S>) => Tensor<S> {
  return <S extends Dims>(x: Tensor<S>) => emit(op as 'aten.exp.default', [x], {}) as Tensor<S>;
}

/**
 * -x.
 *
 * @example neg(x) // any shape
 */
export const neg = unary('aten.neg.default');
/**
 * |x|.
 *
 * @example abs(x) // any shape
 */
export const abs = unary('aten.abs.default');
/**
 * -1, 0 or 1.
 *
 * @example sign(x) // any shape
 */
export const sign = unary('aten.sign.default');
/**
 * e to the power x.
 *
 * @example exp(x) // any shape
 */
export const exp = unary('aten.exp.default');
/**
 * Natural logarithm.
 *
 * @example log(x) // any shape
 */
export const log = unary('aten.log.default');
/**
 * log(1 + x), exact near 0.
 *
 * @example log1p(x) // any shape
 */
export const log1p = unary('aten.log1p.default');
/**
 * Square root.
 *
 * @example sqrt(x) // any shape
 */
export const sqrt = unary('aten.sqrt.default');
/**
 * 1 / sqrt(x).
 *
 * @example rsqrt(x) // any shape
 */
export const rsqrt = unary('aten.rsqrt.default');
/**
 * Sine.
 *
 * @example sin(x) // any shape
 */
export const sin = unary('aten.sin.default');
/**
 * Cosine.
 *
 * @example cos(x) // any shape
 */
export const cos = unary('aten.cos.default');
/**
 * max(x, 0).
 *
 * @example relu(x) // any shape
 */
export const relu = unary('aten.relu.default');
/**
 * x where positive, alpha (exp(x) - 1) elsewhere (Clevert et al. 2016).
 *
 * @example elu(x) // any shape
 */
export function elu(x: Tensor, alpha: number = 1): Tensor {
  return emit('aten.elu.default', [x], alpha === 1 ? {} : { alpha });
}
/**
 * x times the normal distribution function of x, or its approximation by tanh (Hendrycks and Gimpel 2016).
 *
 * @example gelu(x) // any shape
 */
export function gelu(x: Tensor, options: { readonly approximate?: 'none' | 'tanh' } = {}): Tensor {
  return emit('aten.gelu.default', [x], options.approximate === 'tanh' ? { approximate: 'tanh' } : {});
}
/**
 * x * sigmoid(x).
 *
 * @example silu(x) // any shape
 */
export const silu = unary('aten.silu.default');
/**
 * 1 / (1 + exp(-x)).
 *
 * @example sigmoid(x) // any shape
 */
export const sigmoid = unary('aten.sigmoid.default');
/**
 * Hyperbolic tangent.
 *
 * @example tanh(x) // any shape
 */
export const tanh = unary('aten.tanh.default');
/**
 * log(1 + exp(beta x)) / beta.
 *
 * @example softplus(x) // any shape
 */
export function softplus(x: Tensor, beta: number = 1): Tensor {
  return emit('aten.softplus.default', [x], beta === 1 ? {} : { beta });
}
/**
 * The same values as a constant: no gradient flows through.
 *
 * @example stopGradient(x) // any shape
 */
export const stopGradient = unary('aten.detach.default');

/**
 * The same values as another dtype.
 *
 * @example cast(mask, 'float32') // the shape of mask
 */
export function cast<S extends Dims>(x: Tensor<S>, dtype: Dtype): Tensor<S> {
  return x.dtype === dtype ? x : (emit('aten._to_copy.default', [x], { dtype }) as Tensor<S>);
}

/**
 * x * x.
 *
 * @example square(x) // any shape
 */
export function square<S extends Dims>(x: Tensor<S>): Tensor<S> {
  return emit('aten.mul.Tensor', [x, x], {}) as Tensor<S>;
}
