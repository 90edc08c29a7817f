/** More functions of one element, and arithmetic on integers and bits. `[...]` stands for any shape. */
import type { OpName } from '../ops/table.ts';
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';
import { add, div, mul, sub, type Operand } from './arithmetic.ts';
import { abs, log } from './elementwise.ts';
import { full } from './sources.ts';

function unary(op: OpName): (x: Tensor) => Tensor {
  return (x) => emit(op as 'aten.exp.default', [x], {});
}

/** A number becomes a tensor without dimensions of the other operand's dtype, so that it does not promote it. */
function between(op: OpName): (a: Tensor, b: Operand) => Tensor {
  return (a, b) =>
    emit(op as 'aten.atan2.default', [a, typeof b === 'number' ? full([], b, a.dtype) : b], {});
}

function scalarOrTensor(tensorOp: OpName, scalarOp: OpName): (a: Tensor, b: Operand) => Tensor {
  return (a, b) =>
    typeof b === 'number'
      ? emit(scalarOp as 'aten.fmod.Scalar', [a], { other: b })
      : emit(tensorOp as 'aten.fmod.Tensor', [a, b], {});
}

/** Largest whole number not above a / b, in the dtype of the operands. @example floorDivide(index, 4) */
export const floorDivide = scalarOrTensor('aten.floor_divide.default', 'aten.floor_divide.Scalar');
/** a - b floor(a / b): has the sign of b, as Python's `%`. @example remainder(step, 10).eq(0) */
export const remainder = scalarOrTensor('aten.remainder.Tensor', 'aten.remainder.Scalar');
/**
 * The rest of a / b rounded towards 0: has the sign of a, as JavaScript's `%`.
 *
 * @example fmod(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const fmod = scalarOrTensor('aten.fmod.Tensor', 'aten.fmod.Scalar');
/**
 * Exclusive or, of bool tensors.
 *
 * @example logicalXor(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function logicalXor(a: Tensor, b: Tensor): Tensor {
  return emit('aten.logical_xor.default', [a, b], {});
}
/** Bit by bit and, of integers or bool. @example bitwiseAnd(flags, 1) */
export const bitwiseAnd = between('aten.bitwise_and.Tensor');
/**
 * Bit by bit or, of integers or bool.
 *
 * @example bitwiseOr(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const bitwiseOr = between('aten.bitwise_or.Tensor');
/**
 * Bit by bit exclusive or, of integers or bool.
 *
 * @example bitwiseXor(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const bitwiseXor = between('aten.bitwise_xor.Tensor');
/**
 * Every bit inverted; not, of bool.
 *
 * @example bitwiseNot(x) // any shape
 */
export const bitwiseNot = unary('aten.bitwise_not.default');
/**
 * a 2^b, of integers.
 *
 * @example leftShift(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const leftShift = between('aten.bitwise_left_shift.Tensor');
/**
 * floor(a / 2^b), of integers.
 *
 * @example rightShift(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const rightShift = between('aten.bitwise_right_shift.Tensor');
/**
 * Angle of the point (x, y) in (-pi, pi]; `y` comes first.
 *
 * @example atan2(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const atan2 = between('aten.atan2.default');
/**
 * log(exp(a) + exp(b)), without overflow.
 *
 * @example logaddexp(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const logaddexp = between('aten.logaddexp.default');
/**
 * a log(b), which is 0 where a is 0.
 *
 * @example xlogy(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const xlogy = between('aten.xlogy.Tensor');
/**
 * |a| with the sign of b.
 *
 * @example copysign(a, b) // [4, 8] with [8] gives [4, 8]
 */
export const copysign = between('aten.copysign.Tensor');
/** a + weight (b - a). @example lerp(average, value, 0.01) */
export function lerp(a: Tensor, b: Tensor, weight: Operand): Tensor {
  return add(a, mul(sub(b, a), weight));
}

/**
 * Smallest whole number not below x.
 *
 * @example ceil(x) // any shape
 */
export const ceil = unary('aten.ceil.default');
/**
 * Largest whole number not above x.
 *
 * @example floor(x) // any shape
 */
export const floor = unary('aten.floor.default');
/**
 * Nearest whole number; halves go to the even one.
 *
 * @example round(x) // any shape
 */
export const round = unary('aten.round.default');
/**
 * Without its fraction: towards 0.
 *
 * @example trunc(x) // any shape
 */
export const trunc = unary('aten.trunc.default');
/**
 * Tangent.
 *
 * @example tan(x) // any shape
 */
export const tan = unary('aten.tan.default');
/**
 * Inverse sine.
 *
 * @example asin(x) // any shape
 */
export const asin = unary('aten.asin.default');
/**
 * Inverse cosine.
 *
 * @example acos(x) // any shape
 */
export const acos = unary('aten.acos.default');
/**
 * Inverse tangent.
 *
 * @example atan(x) // any shape
 */
export const atan = unary('aten.atan.default');
/**
 * Hyperbolic sine.
 *
 * @example sinh(x) // any shape
 */
export const sinh = unary('aten.sinh.default');
/**
 * Hyperbolic cosine.
 *
 * @example cosh(x) // any shape
 */
export const cosh = unary('aten.cosh.default');
/**
 * Inverse hyperbolic sine.
 *
 * @example asinh(x) // any shape
 */
export const asinh = unary('aten.asinh.default');
/**
 * Inverse hyperbolic cosine.
 *
 * @example acosh(x) // any shape
 */
export const acosh = unary('aten.acosh.default');
/**
 * Inverse hyperbolic tangent.
 *
 * @example atanh(x) // any shape
 */
export const atanh = unary('aten.atanh.default');
/**
 * 2 to the power x.
 *
 * @example exp2(x) // any shape
 */
export const exp2 = unary('aten.exp2.default');
/**
 * exp(x) - 1, exact near 0.
 *
 * @example expm1(x) // any shape
 */
export const expm1 = unary('aten.expm1.default');
/**
 * Logarithm to base 2.
 *
 * @example log2(x) // any shape
 */
export const log2 = unary('aten.log2.default');
/**
 * Logarithm to base 10.
 *
 * @example log10(x) // any shape
 */
export const log10 = unary('aten.log10.default');
/**
 * Error function.
 *
 * @example erf(x) // any shape
 */
export const erf = unary('aten.erf.default');
/**
 * 1 - erf(x), exact for large x.
 *
 * @example erfc(x) // any shape
 */
export const erfc = unary('aten.erfc.default');
/**
 * Inverse of erf on (-1, 1).
 *
 * @example erfinv(x) // any shape
 */
export const erfinv = unary('aten.erfinv.default');
/**
 * log |gamma(x)|.
 *
 * @example lgamma(x) // any shape
 */
export const lgamma = unary('aten.lgamma.default');
/**
 * Derivative of lgamma.
 *
 * @example digamma(x) // any shape
 */
export const digamma = unary('aten.digamma.default');
/**
 * True where x is NaN.
 *
 * @example isnan(x) // any shape
 */
export const isnan = unary('aten.isnan.default');
/**
 * True where x is infinite.
 *
 * @example isinf(x) // any shape
 */
export const isinf = unary('aten.isinf.default');
/**
 * True where x is neither NaN nor infinite.
 *
 * @example isfinite(x) // any shape
 */
export const isfinite = unary('aten.isfinite.default');

/**
 * NaN and the infinities replaced; null means the largest and smallest number of the dtype.
 *
 * @example nanToNum(x, 0) // NaN to 0
 */
export function nanToNum(
  x: Tensor,
  nan: number = 0,
  posinf: number | null = null,
  neginf: number | null = null,
): Tensor {
  return emit('aten.nan_to_num.default', [x], { nan, posinf, neginf });
}

/**
 * log(p / (1 - p)).
 *
 * @example logit(p) // p in (0, 1), any shape
 */
export function logit(p: Tensor): Tensor {
  return log(div(p, sub(1, p)));
}

/** x where positive, slope x elsewhere (Maas et al. 2013). @example leakyRelu(x, 0.2) */
export function leakyRelu(x: Tensor, slope: number = 0.01): Tensor {
  return emit('aten.leaky_relu.default', [x], { negative_slope: slope });
}
/**
 * x tanh(softplus(x)) (Misra 2019).
 *
 * @example mish(x) // any shape
 */
export const mish = unary('aten.mish.default');
/**
 * The self-normalising exponential unit (Klambauer et al. 2017).
 *
 * @example selu(x) // any shape
 */
export const selu = unary('aten.selu.default');
/**
 * max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017).
 *
 * @example celu(x) // any shape
 */
export function celu(x: Tensor, alpha: number = 1): Tensor {
  return emit('aten.celu.default', [x], { alpha });
}
/**
 * x limited to [min, max]; the gradient outside is 0.
 *
 * @example hardtanh(x) // any shape
 */
export function hardtanh(x: Tensor, min: number = -1, max: number = 1): Tensor {
  return emit('aten.hardtanh.default', [x], { min_val: min, max_val: max });
}
/**
 * min(max(x, 0), 6).
 *
 * @example relu6(x) // any shape
 */
export function relu6(x: Tensor): Tensor {
  return hardtanh(x, 0, 6);
}
/**
 * x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
 *
 * @example hardswish(x) // any shape
 */
export const hardswish = unary('aten.hardswish.default');
/**
 * min(max(x + 3, 0), 6) / 6.
 *
 * @example hardsigmoid(x) // any shape
 */
export const hardsigmoid = unary('aten.hardsigmoid.default');
/**
 * log(sigmoid(x)), without underflow.
 *
 * @example logSigmoid(x) // any shape
 */
export const logSigmoid = unary('aten.log_sigmoid.default');
/**
 * x / (1 + |x|).
 *
 * @example softsign(x) // any shape
 */
export function softsign(x: Tensor): Tensor {
  return div(x, add(abs(x), 1));
}
/**
 * First half of `dim` times the sigmoid of the second (Dauphin et al. 2017): [..., 2 M] to [..., M].
 *
 * @example glu(x) // [..., 2 n] to [..., n]
 */
export function glu(x: Tensor, dim: number = -1): Tensor {
  return emit('aten.glu.default', [x], { dim });
}
