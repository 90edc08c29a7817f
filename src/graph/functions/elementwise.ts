/** Functions of one element. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import type { Dims } from '../dims.ts';
import type { OpName } from '../ops/table.ts';
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

function unary(op: OpName): <S extends Dims>(x: Tensor<S>) => Tensor<S> {
  return <S extends Dims>(x: Tensor<S>) => emit(op as 'aten.exp.default', [x], {}) as Tensor<S>;
}

/** -x. */
export const neg = unary('aten.neg.default');
/** |x|. */
export const abs = unary('aten.abs.default');
/** -1, 0 or 1. */
export const sign = unary('aten.sign.default');
/** e to the power x. */
export const exp = unary('aten.exp.default');
/** Natural logarithm. */
export const log = unary('aten.log.default');
/** log(1 + x), exact near 0. */
export const log1p = unary('aten.log1p.default');
/** Square root. */
export const sqrt = unary('aten.sqrt.default');
/** 1 / sqrt(x). */
export const rsqrt = unary('aten.rsqrt.default');
/** Sine. */
export const sin = unary('aten.sin.default');
/** Cosine. */
export const cos = unary('aten.cos.default');
/** max(x, 0). */
export const relu = unary('aten.relu.default');
/** x where positive, alpha (exp(x) - 1) elsewhere (Clevert et al. 2016). */
export function elu(x: Tensor, alpha: number = 1): Tensor {
  return emit('aten.elu.default', [x], alpha === 1 ? {} : { alpha });
}
/** x times the normal distribution function of x, or its approximation by tanh (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor, options: { readonly approximate?: 'none' | 'tanh' } = {}): Tensor {
  return emit('aten.gelu.default', [x], options.approximate === 'tanh' ? { approximate: 'tanh' } : {});
}
/** x * sigmoid(x). */
export const silu = unary('aten.silu.default');
/** 1 / (1 + exp(-x)). */
export const sigmoid = unary('aten.sigmoid.default');
/** Hyperbolic tangent. */
export const tanh = unary('aten.tanh.default');
/** log(1 + exp(beta x)) / beta. */
export function softplus(x: Tensor, beta: number = 1): Tensor {
  return emit('aten.softplus.default', [x], beta === 1 ? {} : { beta });
}
/** The same values as a constant: no gradient flows through. */
export const stopGradient = unary('aten.detach.default');

/** The same values as another dtype. */
export function cast<S extends Dims>(x: Tensor<S>, dtype: Dtype): Tensor<S> {
  return x.dtype === dtype ? x : (emit('aten._to_copy.default', [x], { dtype }) as Tensor<S>);
}

/** x * x. */
export function square<S extends Dims>(x: Tensor<S>): Tensor<S> {
  return emit('aten.mul.Tensor', [x, x], {}) as Tensor<S>;
}
