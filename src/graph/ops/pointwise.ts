/** More arithmetic and functions of one element: rounding, trigonometry, bits, division of integers, activations. */
import { isFloating, isInteger, resultType } from '../dtype.ts';
import { argumentFault, dtypeFault } from '../errors.ts';
import { normalizeDim } from '../shape.ts';
import {
  boolDtype,
  call,
  define,
  elementwise,
  floatingDtype,
  inputAt,
  promoted,
  requireNumber,
  sameDtype,
  withScalar,
  type Attributes,
  type OpDefinition,
  type Specs,
} from './definition.ts';

const floatingUnary = (name: string) => elementwise(name, floatingDtype);
/** Integers pass unchanged; bool is no number. */
const rounding = (name: string) =>
  elementwise(name, (inputs) => {
    requireNumber('input', inputAt(inputs, 0));
    return sameDtype(inputs);
  });
const requireAllNumbers = (inputs: Specs) => inputs.forEach((spec) => requireNumber('input', spec));
const numbers = (inputs: Specs) => {
  requireAllNumbers(inputs);
  return promoted(inputs);
};
const numberAndScalar = (name: string) =>
  withScalar(name, (inputs, other) => {
    requireNumber('input', inputAt(inputs, 0));
    return resultType([inputAt(inputs, 0), other]);
  });
const floatingPair = (name: string) =>
  elementwise(name, (inputs) => {
    const [dtype] = promoted(inputs);
    return [dtype !== undefined && isFloating(dtype) ? dtype : 'float32'];
  });
const bits = (name: string) =>
  elementwise(name, (inputs) => {
    const wrong = inputs.find(({ dtype }) => dtype !== 'bool' && !isInteger(dtype));
    if (wrong !== undefined) dtypeFault(`inputs must be integers or bool, got ${wrong.dtype}`);
    return promoted(inputs);
  });
const shift = (name: string) =>
  elementwise(name, (inputs) => {
    const wrong = inputs.find(({ dtype }) => !isInteger(dtype));
    if (wrong !== undefined) dtypeFault(`inputs must be integers, got ${wrong.dtype}`);
    return promoted(inputs);
  });

/** An activation with settings, defined for floating inputs only. */
function activation<A extends Attributes>(name: string, check?: (attrs: A) => void): OpDefinition<A> {
  return define<A>({
    shape: (inputs, attrs) => {
      check?.(attrs);
      return [[...inputAt(inputs, 0).shape]];
    },
    dtype: (inputs) => {
      const { dtype } = inputAt(inputs, 0);
      if (!isFloating(dtype)) dtypeFault(`input must be floating, got ${dtype}`);
      return [dtype];
    },
    print: call(name),
  });
}

export const pointwiseOps = {
  'aten.pow.Tensor_Tensor': elementwise('pow', (inputs) => {
    if (inputs.every(({ dtype }) => dtype === 'bool')) dtypeFault('at least one input must be a number');
    return promoted(inputs);
  }),
  'aten.floor_divide.default': elementwise('floor_divide', (inputs) => {
    if (inputs.every(({ dtype }) => dtype === 'bool')) dtypeFault('at least one input must be a number');
    return promoted(inputs);
  }),
  'aten.floor_divide.Scalar': withScalar('floor_divide'),
  'aten.remainder.Tensor': elementwise('remainder', (inputs) => {
    if (inputs.every(({ dtype }) => dtype === 'bool')) dtypeFault('at least one input must be a number');
    return promoted(inputs);
  }),
  'aten.remainder.Scalar': numberAndScalar('remainder'),
  'aten.fmod.Tensor': elementwise('fmod', numbers),
  'aten.fmod.Scalar': numberAndScalar('fmod'),
  'aten.ne.Tensor': elementwise('ne', (inputs) => (promoted(inputs), ['bool'])),
  'aten.logical_xor.default': elementwise('logical_xor', (inputs) => {
    const wrong = inputs.find(({ dtype }) => dtype !== 'bool');
    if (wrong !== undefined) dtypeFault(`input must be bool, got ${wrong.dtype}`);
    return ['bool'];
  }),
  'aten.bitwise_and.Tensor': bits('bitwise_and'),
  'aten.bitwise_or.Tensor': bits('bitwise_or'),
  'aten.bitwise_xor.Tensor': bits('bitwise_xor'),
  'aten.bitwise_not.default': bits('bitwise_not'),
  'aten.bitwise_left_shift.Tensor': shift('bitwise_left_shift'),
  'aten.bitwise_right_shift.Tensor': shift('bitwise_right_shift'),
  'aten.atan2.default': floatingPair('atan2'),
  'aten.logaddexp.default': elementwise('logaddexp', (inputs) => {
    const wrong = inputs.find(({ dtype }) => !isFloating(dtype));
    if (wrong !== undefined) dtypeFault(`inputs must be floating, got ${wrong.dtype}`);
    return promoted(inputs);
  }),
  'aten.xlogy.Tensor': floatingPair('xlogy'),
  'aten.copysign.Tensor': floatingPair('copysign'),

  'aten.ceil.default': rounding('ceil'),
  'aten.floor.default': rounding('floor'),
  'aten.round.default': rounding('round'),
  'aten.trunc.default': rounding('trunc'),
  'aten.tan.default': floatingUnary('tan'),
  'aten.asin.default': floatingUnary('asin'),
  'aten.acos.default': floatingUnary('acos'),
  'aten.atan.default': floatingUnary('atan'),
  'aten.sinh.default': floatingUnary('sinh'),
  'aten.cosh.default': floatingUnary('cosh'),
  'aten.asinh.default': floatingUnary('asinh'),
  'aten.acosh.default': floatingUnary('acosh'),
  'aten.atanh.default': floatingUnary('atanh'),
  'aten.exp2.default': floatingUnary('exp2'),
  'aten.expm1.default': floatingUnary('expm1'),
  'aten.log2.default': floatingUnary('log2'),
  'aten.log10.default': floatingUnary('log10'),
  'aten.erf.default': floatingUnary('erf'),
  'aten.erfc.default': floatingUnary('erfc'),
  'aten.erfinv.default': floatingUnary('erfinv'),
  'aten.lgamma.default': floatingUnary('lgamma'),
  'aten.digamma.default': floatingUnary('digamma'),
  'aten.isnan.default': elementwise('isnan', boolDtype),
  'aten.isinf.default': elementwise('isinf', boolDtype),
  'aten.isfinite.default': elementwise('isfinite', boolDtype),
  'aten.nan_to_num.default': define<Readonly<{ nan: number; posinf: number | null; neginf: number | null }>>({
    shape: (inputs) => [[...inputAt(inputs, 0).shape]],
    dtype: sameDtype,
    print: call('nan_to_num'),
  }),

  'aten.leaky_relu.default': activation<Readonly<{ negative_slope: number }>>('leaky_relu'),
  'aten.mish.default': activation('mish'),
  'aten.selu.default': activation('selu'),
  'aten.celu.default': activation<Readonly<{ alpha: number }>>('celu', ({ alpha }) => {
    if (alpha === 0) argumentFault('alpha must not be 0');
  }),
  'aten.hardtanh.default': activation<Readonly<{ min_val: number; max_val: number }>>(
    'hardtanh',
    ({ min_val, max_val }) => {
      if (!(min_val <= max_val)) argumentFault(`min must be at most max, got ${min_val} and ${max_val}`);
    },
  ),
  'aten.hardswish.default': activation('hardswish'),
  'aten.hardsigmoid.default': activation('hardsigmoid'),
  'aten.log_sigmoid.default': activation('log_sigmoid'),
  'aten.glu.default': define<Readonly<{ dim: number }>>({
    shape: (inputs, { dim }) => {
      const { shape } = inputAt(inputs, 0);
      return [halved(shape, dim)];
    },
    dtype: (inputs) => {
      const { dtype } = inputAt(inputs, 0);
      if (!isFloating(dtype)) dtypeFault(`input must be floating, got ${dtype}`);
      return [dtype];
    },
    print: call('glu'),
  }),
};

function halved(shape: readonly number[], dim: number): number[] {
  const at = normalizeDim(dim, shape.length);
  const size = shape[at] ?? 0;
  if (size % 2 !== 0) argumentFault(`dimension ${dim} must have an even size, got ${size}`);
  return shape.map((own, d) => (d === at ? own / 2 : own));
}
