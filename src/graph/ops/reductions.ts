/** Reductions, and functions along one dimension. */
import { isFloating, toFloating } from '../dtype.ts';
import { argumentFault } from '../errors.ts';
import { formatShape, normalizeDim, reduced } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireFloating,
  requireNumber,
  sameDtype,
  type OpDefinition,
  type Specs,
} from './definition.ts';

export type ReductionAttributes = Readonly<{ dims: number[]; keepdim: boolean }>;
export type DimAttributes = Readonly<{ dim: number }>;

function reduction(
  name: string,
  dtype: OpDefinition<ReductionAttributes>['dtype'],
): OpDefinition<ReductionAttributes> {
  return define<ReductionAttributes>({
    shape: (inputs, { dims, keepdim }) => [reduced(inputAt(inputs, 0).shape, dims, keepdim)],
    dtype,
    print: call(name),
  });
}

/** An extreme of nothing does not exist. */
export function requireElements(shape: readonly number[], dims: readonly number[]): void {
  const sizes = dims.length === 0 ? shape : dims.map((dim) => shape[normalizeDim(dim, shape.length)]);
  if (sizes.includes(0)) {
    argumentFault(`the input must have elements to choose from, got ${formatShape(shape)}`);
  }
}

function extreme(name: string): OpDefinition<ReductionAttributes> {
  return define<ReductionAttributes>({
    shape: (inputs, { dims, keepdim }) => {
      const { shape } = inputAt(inputs, 0);
      requireElements(shape, dims);
      return [reduced(shape, dims, keepdim)];
    },
    dtype: sameDtype,
    print: call(name),
  });
}

function alongDim(name: string, dtype: (inputs: Specs) => OpDefinitionDtypes): OpDefinition<DimAttributes> {
  return define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const { shape } = inputAt(inputs, 0);
      normalizeDim(dim, shape.length);
      return [[...shape]];
    },
    dtype,
    print: call(name),
  });
}
type OpDefinitionDtypes = ReturnType<OpDefinition<DimAttributes>['dtype']>;

/** PyTorch sums bool and small integers as int64. */
const summed = (inputs: Specs): OpDefinitionDtypes => {
  const [dtype] = sameDtype(inputs);
  return [dtype !== undefined && isFloating(dtype) ? dtype : 'int64'];
};
const floating = (inputs: Specs): OpDefinitionDtypes => {
  requireFloating('input', inputAt(inputs, 0));
  return [inputAt(inputs, 0).dtype];
};

export const reductionOps = {
  'aten.sum.dim_IntList': reduction('sum', summed),
  'aten.mean.dim': reduction('mean', floating),
  'aten.amax.default': extreme('amax'),
  'aten.amin.default': extreme('amin'),
  'aten.var.correction': define<Readonly<{ dims: number[]; keepdim: boolean; correction: number }>>({
    shape: (inputs, { dims, keepdim }) => [reduced(inputAt(inputs, 0).shape, dims, keepdim)],
    dtype: floating,
    print: call('var'),
  }),
  'aten.logsumexp.default': reduction('logsumexp', (inputs) => [toFloating(inputAt(inputs, 0).dtype)]),
  'aten.argmax.default': define<Readonly<{ dim: number | null; keepdim: boolean }>>({
    shape: (inputs, { dim, keepdim }) => {
      const { shape } = inputAt(inputs, 0);
      const dims = dim === null ? [] : [dim];
      requireElements(shape, dims);
      return [reduced(shape, dims, keepdim)];
    },
    dtype: (inputs) => {
      requireNumber('input', inputAt(inputs, 0));
      return ['int64'];
    },
    print: call('argmax'),
  }),
  'aten.cumsum.default': alongDim('cumsum', summed),
  'aten.softmax.int': alongDim('softmax', floating),
  'aten.log_softmax.int': alongDim('log_softmax', floating),
};
