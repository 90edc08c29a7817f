/** Arithmetic, comparison and functions of one element. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import { isFloating, resultType, toFloating } from '../dtype.ts';
import { argumentFault, dtypeFault } from '../errors.ts';
import { broadcast } from '../shape.ts';
import {
  boolDtype,
  call,
  define,
  elementwise,
  floatingDtype,
  inputAt,
  promoted,
  requireDtype,
  requireNumber,
  sameDtype,
  withScalar,
  type Attributes,
  type NoAttributes,
  type Specs,
} from './definition.ts';

const comparison = (name: string) => elementwise(name, (inputs) => (promoted(inputs), ['bool']));
const comparisonWithScalar = (name: string) => withScalar(name, (inputs) => (sameDtype(inputs), 'bool'));
const floatingUnary = (name: string) => elementwise(name, floatingDtype);
const unary = (name: string) => elementwise(name, sameDtype);
/** PyTorch defines these for floating inputs only. Settings are absent where they have PyTorch's default. */
const strictlyFloating = <A extends Attributes = NoAttributes>(name: string) =>
  define<A>({
    shape: (inputs) => [[...inputAt(inputs, 0).shape]],
    dtype: (inputs) => {
      const { dtype } = inputAt(inputs, 0);
      if (!isFloating(dtype)) dtypeFault(`input must be floating, got ${dtype}`);
      return [dtype];
    },
    print: call(name),
  });
const notBool = (inputs: Specs): void => {
  if (inputs.some(({ dtype }) => dtype === 'bool'))
    dtypeFault('subtraction of bool is not defined; use logicalNot or cast first');
};
const logical = (name: string) =>
  elementwise(name, (inputs) => (inputs.forEach((spec) => requireDtype('input', spec, 'bool')), ['bool']));
const numeric = (name: string) =>
  elementwise(name, (inputs) => {
    requireNumber('input', inputAt(inputs, 0));
    return sameDtype(inputs);
  });

const divided = (inputs: Specs): Dtype[] => [toFloating(resultType(inputs))];

export const elementwiseOps = {
  'aten.add.Tensor': elementwise('add'),
  'aten.add.Scalar': withScalar('add'),
  'aten.sub.Tensor': elementwise('sub', (inputs) => (notBool(inputs), promoted(inputs))),
  'aten.rsub.Scalar': withScalar('rsub', (inputs, other) => {
    notBool(inputs);
    return resultType([inputAt(inputs, 0), other]);
  }),
  'aten.mul.Tensor': elementwise('mul'),
  'aten.mul.Scalar': withScalar('mul'),
  'aten.div.Tensor': elementwise('div', divided),
  'aten.div.Scalar': withScalar('div', (inputs, other) =>
    toFloating(resultType([inputAt(inputs, 0), other])),
  ),
  'aten.reciprocal.default': floatingUnary('reciprocal'),
  'aten.pow.Tensor_Scalar': withScalar('pow'),
  'aten.maximum.default': elementwise('maximum'),
  'aten.minimum.default': elementwise('minimum'),
  'aten.clamp.default': define<Readonly<{ min: number | null; max: number | null }>>({
    shape: (inputs) => [[...inputAt(inputs, 0).shape]],
    dtype: (inputs, { min, max }) => {
      if (min === null && max === null) argumentFault('at least one of min and max is required');
      return [resultType([inputAt(inputs, 0), ...[min, max].filter((bound) => bound !== null)])];
    },
    print: call('clamp'),
  }),
  'aten.where.self': define({
    shape: (inputs) => [broadcast(inputs.map((spec) => spec.shape))],
    dtype: (inputs) => {
      requireDtype('condition', inputAt(inputs, 0), 'bool');
      return [resultType(inputs.slice(1))];
    },
    print: call('where'),
  }),

  'aten.eq.Tensor': comparison('eq'),
  'aten.eq.Scalar': comparisonWithScalar('eq'),
  'aten.ne.Scalar': comparisonWithScalar('ne'),
  'aten.lt.Tensor': comparison('lt'),
  'aten.lt.Scalar': comparisonWithScalar('lt'),
  'aten.le.Tensor': comparison('le'),
  'aten.le.Scalar': comparisonWithScalar('le'),
  'aten.gt.Tensor': comparison('gt'),
  'aten.gt.Scalar': comparisonWithScalar('gt'),
  'aten.ge.Tensor': comparison('ge'),
  'aten.ge.Scalar': comparisonWithScalar('ge'),
  'aten.logical_not.default': elementwise('logical_not', boolDtype),
  'aten.logical_and.default': logical('logical_and'),
  'aten.logical_or.default': logical('logical_or'),

  'aten.neg.default': numeric('neg'),
  'aten.abs.default': numeric('abs'),
  'aten.sign.default': unary('sign'),
  'aten.exp.default': floatingUnary('exp'),
  'aten.log.default': floatingUnary('log'),
  'aten.log1p.default': floatingUnary('log1p'),
  'aten.sqrt.default': floatingUnary('sqrt'),
  'aten.rsqrt.default': floatingUnary('rsqrt'),
  'aten.sin.default': floatingUnary('sin'),
  'aten.cos.default': floatingUnary('cos'),
  'aten.relu.default': numeric('relu'),
  'aten.elu.default': strictlyFloating<Readonly<{ alpha?: number }>>('elu'),
  'aten.gelu.default': strictlyFloating<Readonly<{ approximate?: string }>>('gelu'),
  'aten.silu.default': strictlyFloating('silu'),
  'aten.sigmoid.default': floatingUnary('sigmoid'),
  'aten.tanh.default': floatingUnary('tanh'),
  'aten.softplus.default': strictlyFloating<Readonly<{ beta?: number; threshold?: number }>>('softplus'),
  'aten._to_copy.default': define<Readonly<{ dtype: string }>>({
    shape: (inputs) => [[...inputAt(inputs, 0).shape]],
    dtype: (inputs, { dtype }) => {
      if (dtype === 'key' || inputAt(inputs, 0).dtype === 'key') dtypeFault('a random key cannot be cast');
      return [dtype as Dtype];
    },
    print: (inputs, { dtype }) => `to(${inputs[0]}, ${dtype})`,
  }),
  'aten.detach.default': unary('stop_gradient'),
};
