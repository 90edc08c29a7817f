/** Operations of one element, or of two that broadcast. */
import { ALL, FLOATS, NUMBERS, WHOLE, type Draw, type Wanted } from './draw.ts';
import type { Dtype } from '../../../../src/graph/index.ts';

const none = {} as const;
const unary =
  (dtypes: readonly Dtype[] = ALL) =>
  (d: Draw) => ({ inputs: [d.any(dtypes)], attrs: none });
const floating = unary(FLOATS);
const number = unary(NUMBERS);

/** Two inputs that broadcast; their dtypes are drawn apart. */
const binary =
  (dtypes: readonly Dtype[] = ALL) =>
  (d: Draw) => {
    const a = d.any(dtypes);
    return { inputs: [a, { shape: d.partner(a.shape), dtype: d.dtype(dtypes) }], attrs: none };
  };
/** Shifts by a negative number are undefined in C++. */
const shift = (d: Draw) => {
  const { inputs, attrs } = binary(WHOLE)(d);
  return { inputs: inputs.map((input): Wanted => ({ ...input, fill: 'index', limit: 3 })), attrs };
};
const scalar =
  (dtypes: readonly Dtype[] = ALL) =>
  (d: Draw) => ({ inputs: [d.any(dtypes)], attrs: { other: d.number() } });

export const pointwiseSamplers = {
  'aten.add.Tensor': binary(),
  'aten.add.Scalar': scalar(),
  'aten.sub.Tensor': binary(NUMBERS),
  'aten.rsub.Scalar': scalar(NUMBERS),
  'aten.mul.Tensor': binary(),
  'aten.mul.Scalar': scalar(),
  'aten.div.Tensor': binary(),
  'aten.div.Scalar': scalar(),
  'aten.reciprocal.default': unary(),
  'aten.pow.Tensor_Scalar': (d: Draw) => ({ inputs: [d.any()], attrs: { other: d.pick([2, 0.5, 3, 0]) } }),
  'aten.pow.Tensor_Tensor': (d: Draw) => {
    const { inputs, attrs } = binary()(d);
    return { inputs: inputs.map((input): Wanted => ({ ...input, fill: 'index', limit: 3 })), attrs };
  },
  'aten.maximum.default': binary(),
  'aten.minimum.default': binary(),
  'aten.clamp.default': (d: Draw) => ({
    inputs: [d.any()],
    attrs: { min: d.chance(0.3) ? null : d.pick([-1, 0.5]), max: d.chance(0.3) ? null : d.pick([2, 1.5]) },
  }),
  'aten.where.self': (d: Draw) => {
    const { inputs } = binary()(d);
    const mask: Wanted = { shape: d.partner(inputs[0]?.shape ?? []), dtype: d.dtype(['bool']) };
    return { inputs: [mask, ...inputs], attrs: none };
  },
  'aten.eq.Tensor': binary(),
  'aten.eq.Scalar': scalar(),
  'aten.ne.Tensor': binary(),
  'aten.ne.Scalar': scalar(),
  'aten.lt.Tensor': binary(),
  'aten.lt.Scalar': scalar(),
  'aten.le.Tensor': binary(),
  'aten.le.Scalar': scalar(),
  'aten.gt.Tensor': binary(),
  'aten.gt.Scalar': scalar(),
  'aten.ge.Tensor': binary(),
  'aten.ge.Scalar': scalar(),
  'aten.logical_not.default': unary(),
  'aten.logical_and.default': binary(['bool']),
  'aten.logical_or.default': binary(['bool']),
  'aten.logical_xor.default': binary(['bool']),
  'aten.neg.default': number,
  'aten.abs.default': number,
  'aten.sign.default': unary(),
  'aten.exp.default': unary(),
  'aten.log.default': unary(),
  'aten.log1p.default': unary(),
  'aten.sqrt.default': unary(),
  'aten.rsqrt.default': unary(),
  'aten.sin.default': unary(),
  'aten.cos.default': unary(),
  'aten.relu.default': number,
  'aten.elu.default': (d: Draw) => ({
    inputs: [d.any(FLOATS)],
    attrs: d.chance(0.5) ? {} : { alpha: 0.5 },
  }),
  'aten.gelu.default': (d: Draw) => ({
    inputs: [d.any(FLOATS)],
    attrs: d.chance(0.5) ? {} : { approximate: 'tanh' },
  }),
  'aten.silu.default': floating,
  'aten.sigmoid.default': unary(),
  'aten.tanh.default': unary(),
  'aten.softplus.default': (d: Draw) => ({
    inputs: [d.any(FLOATS)],
    attrs: d.chance(0.5) ? {} : { beta: 2 },
  }),
  'aten._to_copy.default': (d: Draw) => ({ inputs: [d.any()], attrs: { dtype: d.pick(ALL) as string } }),
  'aten.detach.default': unary(),
  'aten.floor_divide.default': (d: Draw) => {
    const { inputs, attrs } = binary(FLOATS)(d);
    return { inputs, attrs };
  },
  'aten.floor_divide.Scalar': scalar(),
  'aten.remainder.Tensor': binary(FLOATS),
  'aten.remainder.Scalar': scalar(NUMBERS),
  'aten.fmod.Tensor': binary(FLOATS),
  'aten.fmod.Scalar': scalar(NUMBERS),
  'aten.bitwise_and.Tensor': binary([...WHOLE, 'bool']),
  'aten.bitwise_or.Tensor': binary([...WHOLE, 'bool']),
  'aten.bitwise_xor.Tensor': binary([...WHOLE, 'bool']),
  'aten.bitwise_not.default': unary([...WHOLE, 'bool']),
  'aten.bitwise_left_shift.Tensor': shift,
  'aten.bitwise_right_shift.Tensor': shift,
  'aten.atan2.default': binary(),
  'aten.logaddexp.default': binary(FLOATS),
  'aten.xlogy.Tensor': binary(),
  'aten.copysign.Tensor': binary(),
  'aten.ceil.default': number,
  'aten.floor.default': number,
  'aten.round.default': number,
  'aten.trunc.default': number,
  'aten.tan.default': unary(),
  'aten.asin.default': unary(),
  'aten.acos.default': unary(),
  'aten.atan.default': unary(),
  'aten.sinh.default': unary(),
  'aten.cosh.default': unary(),
  'aten.asinh.default': unary(),
  'aten.acosh.default': unary(),
  'aten.atanh.default': unary(),
  'aten.exp2.default': unary(),
  'aten.expm1.default': unary(),
  'aten.log2.default': unary(),
  'aten.log10.default': unary(),
  'aten.erf.default': unary(),
  'aten.erfc.default': unary(),
  'aten.erfinv.default': unary(),
  'aten.lgamma.default': unary(),
  'aten.digamma.default': unary(),
  'aten.isnan.default': unary(),
  'aten.isinf.default': unary(),
  'aten.isfinite.default': unary(),
  'aten.nan_to_num.default': (d: Draw) => ({
    inputs: [d.any()],
    attrs: { nan: 0, posinf: d.pick([null, 3]), neginf: d.pick([null, -3]) },
  }),
  'aten.leaky_relu.default': (d: Draw) => ({ inputs: [d.any(FLOATS)], attrs: { negative_slope: 0.2 } }),
  'aten.mish.default': floating,
  'aten.selu.default': floating,
  'aten.celu.default': (d: Draw) => ({ inputs: [d.any(FLOATS)], attrs: { alpha: d.pick([0.5, 1, 2]) } }),
  'aten.hardtanh.default': (d: Draw) => ({
    inputs: [d.any(FLOATS)],
    attrs: { min_val: d.pick([-1, 0.25]), max_val: d.pick([0.5, 1]) },
  }),
  'aten.hardswish.default': floating,
  'aten.hardsigmoid.default': floating,
  'aten.log_sigmoid.default': floating,
  'aten.glu.default': (d: Draw) => {
    const { shape, dtype } = d.any(FLOATS, 1);
    const dim = d.dim(shape.length);
    const at = dim < 0 ? dim + shape.length : dim;
    return {
      inputs: [{ shape: shape.map((size, i) => (i === at && !d.careless() ? 2 * size : size)), dtype }],
      attrs: { dim },
    };
  },
};
