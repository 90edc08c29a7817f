/** What the operations of `src/graph/ops/pointwise.ts` give, from JavaScript's own functions or from tables. */
import * as g from '../../../../src/graph/index.ts';
import type { Tensor } from '../../../../src/graph/index.ts';
import { of, logic, one, two, whole, type Case } from './case.ts';

const fractions = [-1.5, -0.5, 0.5, 2.5];
const small = [-0.7, -0.2, 0, 0.4];
const each = (values: readonly number[], op: (x: Tensor) => Tensor, js: (v: number) => number): Case =>
  of(values, op, values.map(js));

export const pointwiseCases = {
  'aten.pow.Tensor_Tensor': two((a, b) => a.abs().add(1).pow(b), [4, 3, 1 / 4, 25, 1, 1 / 7]),
  'aten.floor_divide.default': whole(
    [7, -7, 8],
    (a) => a.floorDivide(g.constantOf([2, 2, -3], [3], 'int64')),
    [3, -4, -3],
  ),
  'aten.floor_divide.Scalar': whole([7, -7, 8], (a) => a.floorDivide(2), [3, -4, 4]),
  'aten.remainder.Tensor': two((a, b) => a.remainder(b), [1, 0, -0, 0, 0, -0]),
  'aten.remainder.Scalar': one((a) => a.remainder(4), [1, 2, 3, 0, 0, 2]),
  'aten.fmod.Tensor': two((a, b) => g.fmod(a, b.add(3)), [1, -2, 1, 4, 0, -0]),
  'aten.fmod.Scalar': one((a) => g.fmod(a, 4), [1, -2, 3, 0, 0, -2]),
  'aten.ne.Tensor': two((a, b) => a.ne(b.add(2)), [1, 1, 1, 0, 1, 1]),
  'aten.logical_xor.default': logic((a, b) => a.logicalXor(b), [0, 1, 1]),
  'aten.bitwise_and.Tensor': whole([12, 7, -1], (a) => a.bitwiseAnd(10), [8, 2, 10]),
  'aten.bitwise_or.Tensor': whole([12, 7, 0], (a) => a.bitwiseOr(10), [14, 15, 10]),
  'aten.bitwise_xor.Tensor': whole([12, 7, 0], (a) => a.bitwiseXor(10), [6, 13, 10]),
  'aten.bitwise_not.default': whole([12, 0, -1], (a) => g.bitwiseNot(a), [-13, -1, 0]),
  'aten.bitwise_left_shift.Tensor': whole([3, -1], (a) => g.leftShift(a, 2), [12, -4]),
  'aten.bitwise_right_shift.Tensor': whole([13, -5], (a) => g.rightShift(a, 2), [3, -2]),
  'aten.atan2.default': two(
    (a, b) => g.atan2(a, b),
    [Math.atan2(1, 2), Math.atan2(-2, 1), Math.atan2(3, -1), Math.atan2(4, 2), 0, Math.atan2(-6, -1)],
  ),
  'aten.logaddexp.default': of([1, -2], (a) => g.logaddexp(a, g.constantOf([0, 3])), [
    Math.log(Math.E + 1),
    Math.log(Math.exp(-2) + Math.exp(3)),
  ]),
  'aten.xlogy.Tensor': of([0, 2], (a) => g.xlogy(a, g.constantOf([0, 3])), [0, 2 * Math.log(3)]),
  'aten.copysign.Tensor': two((a, b) => g.copysign(a, b), [1, 2, -3, 4, 0, -6]),

  'aten.ceil.default': each(fractions, (a) => a.ceil(), Math.ceil),
  'aten.floor.default': each(fractions, (a) => a.floor(), Math.floor),
  'aten.round.default': of(fractions, (a) => a.round(), [-2, 0, 0, 2]),
  'aten.trunc.default': each(fractions, (a) => a.trunc(), Math.trunc),
  'aten.tan.default': each(small, (a) => a.tan(), Math.tan),
  'aten.asin.default': each(small, (a) => g.asin(a), Math.asin),
  'aten.acos.default': each(small, (a) => g.acos(a), Math.acos),
  'aten.atan.default': each(fractions, (a) => a.atan(), Math.atan),
  'aten.sinh.default': each(fractions, (a) => g.sinh(a), Math.sinh),
  'aten.cosh.default': each(fractions, (a) => g.cosh(a), Math.cosh),
  'aten.asinh.default': each(fractions, (a) => g.asinh(a), Math.asinh),
  'aten.acosh.default': each([1, 2.5, 7], (a) => g.acosh(a), Math.acosh),
  'aten.atanh.default': each(small, (a) => g.atanh(a), Math.atanh),
  'aten.exp2.default': each(
    fractions,
    (a) => a.exp2(),
    (v) => 2 ** v,
  ),
  'aten.expm1.default': each(fractions, (a) => a.expm1(), Math.expm1),
  'aten.log2.default': each([0.25, 1, 8], (a) => a.log2(), Math.log2),
  'aten.log10.default': each([0.01, 1, 1000], (a) => a.log10(), Math.log10),
  // From tables of the error function.
  'aten.erf.default': of([-0.5, 0, 1, 2], (a) => a.erf(), [-0.5204998778, 0, 0.8427007929, 0.995322265]),
  'aten.erfc.default': of([-0.5, 0, 1, 2], (a) => g.erfc(a), [1.5204998778, 1, 0.1572992071, 0.004677735]),
  'aten.erfinv.default': of([-0.5204998778, 0, 0.8427007929], (a) => g.erfinv(a), [-0.5, 0, 1]),
  // gamma(5) = 4!, and digamma(n + 1) = H_n - 0.5772156649.
  'aten.lgamma.default': of([1, 5, 0.5], (a) => g.lgamma(a), [0, Math.log(24), Math.log(Math.PI) / 2]),
  'aten.digamma.default': of([1, 4], (a) => g.digamma(a), [-0.5772156649, 11 / 6 - 0.5772156649]),
  'aten.isnan.default': of([NaN, Infinity, 1], (a) => a.isnan(), [1, 0, 0]),
  'aten.isinf.default': of([NaN, -Infinity, 1], (a) => a.isinf(), [0, 1, 0]),
  'aten.isfinite.default': of([NaN, -Infinity, 1], (a) => a.isfinite(), [0, 0, 1]),
  'aten.nan_to_num.default': of([NaN, -Infinity, Infinity, 1], (a) => a.nanToNum(7, 5, -5), [7, -5, 5, 1]),

  'aten.leaky_relu.default': one((a) => a.leakyRelu(0.1), [1, -0.2, 3, 4, 0, -0.6]),
  'aten.mish.default': each(
    fractions,
    (a) => a.mish(),
    (v) => v * Math.tanh(Math.log1p(Math.exp(v))),
  ),
  'aten.selu.default': each(
    fractions,
    (a) => g.selu(a),
    (v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v)),
  ),
  'aten.celu.default': each(
    fractions,
    (a) => g.celu(a, 2),
    (v) => (v > 0 ? v : 2 * Math.expm1(v / 2)),
  ),
  'aten.hardtanh.default': one((a) => g.hardtanh(a, -1, 3.5), [1, -1, 3, 3.5, 0, -1]),
  'aten.hardswish.default': each(
    [-4, -1, 1, 5],
    (a) => g.hardswish(a),
    (v) => (v * Math.min(6, Math.max(0, v + 3))) / 6,
  ),
  'aten.hardsigmoid.default': each(
    [-4, -1, 1, 5],
    (a) => g.hardsigmoid(a),
    (v) => Math.min(6, Math.max(0, v + 3)) / 6,
  ),
  'aten.log_sigmoid.default': each(
    fractions,
    (a) => g.logSigmoid(a),
    (v) => -Math.log1p(Math.exp(-v)),
  ),
  'aten.glu.default': of([1, 2, -1, 3], (a) => g.glu(a), [1 / (1 + Math.E), 2 / (1 + Math.exp(-3))]),
} satisfies Record<string, Case>;
