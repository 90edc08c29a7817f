/** Products, logic and norms of many elements, and everything that orders them. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import { isFloating } from '../dtype.ts';
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { formatShape, normalizeDim, reduced } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireFloating,
  requireNumber,
  requireOneDtype,
  sameDtype,
  type OpDefinition,
  type Specs,
} from './definition.ts';
import { requireElements, type DimAttributes, type ReductionAttributes } from './reductions.ts';

type OneDimAttributes = Readonly<{ dim: number | null; keepdim: boolean }>;
type KeptDimAttributes = Readonly<{ dim: number; keepdim: boolean }>;

/** Sums and products of bool and small integers are int64. */
const accumulated = (inputs: Specs): Dtype[] => {
  const [dtype] = sameDtype(inputs);
  return [dtype !== undefined && isFloating(dtype) ? dtype : 'int64'];
};
const floating = (inputs: Specs): Dtype[] => {
  requireFloating('input', inputAt(inputs, 0));
  return [inputAt(inputs, 0).dtype];
};
/** PyTorch keeps uint8 here and makes everything else bool. */
const truth = (inputs: Specs): Dtype[] => (sameDtype(inputs)[0] === 'uint8' ? ['uint8'] : ['bool']);

const dimsOf = (dim: number | null) => (dim === null ? [] : [dim]);

function logic(name: string): OpDefinition<ReductionAttributes> {
  return define<ReductionAttributes>({
    shape: (inputs, { dims, keepdim }) => [reduced(inputAt(inputs, 0).shape, dims, keepdim)],
    dtype: truth,
    print: call(name),
  });
}

/** Values and int64 positions, both of the shape that `shape` gives. */
function located<A extends DimAttributes>(
  name: string,
  shape: (own: readonly number[], attrs: A) => number[],
  check: (inputs: Specs) => void = () => undefined,
): OpDefinition<A> {
  return define<A>({
    shape: (inputs, attrs) => {
      const result = shape(inputAt(inputs, 0).shape, attrs);
      return [result, [...result]];
    },
    dtype: (inputs) => {
      check(inputs);
      return [...sameDtype(inputs), 'int64'];
    },
    print: call(name),
  });
}
const whole = (own: readonly number[], { dim }: DimAttributes) => {
  normalizeDim(dim, own.length);
  return [...own];
};
const without = (own: readonly number[], { dim, keepdim }: KeptDimAttributes) => {
  requireElements(own, [dim]);
  return reduced(own, [dim], keepdim);
};

export const orderingOps = {
  'aten.prod.dim_int': define<OneDimAttributes>({
    shape: (inputs, { dim, keepdim }) => [reduced(inputAt(inputs, 0).shape, dimsOf(dim), keepdim)],
    dtype: accumulated,
    print: call('prod'),
  }),
  'aten.any.dims': logic('any'),
  'aten.all.dims': logic('all'),
  'aten.std.correction': define<Readonly<{ dims: number[]; keepdim: boolean; correction: number }>>({
    shape: (inputs, { dims, keepdim }) => [reduced(inputAt(inputs, 0).shape, dims, keepdim)],
    dtype: floating,
    print: call('std'),
  }),
  'aten.linalg_vector_norm.default': define<Readonly<{ ord: number; dims: number[]; keepdim: boolean }>>({
    shape: (inputs, { dims, keepdim, ord }) => {
      const { shape } = inputAt(inputs, 0);
      if (ord === Infinity || ord < 0) requireElements(shape, []);
      return [reduced(shape, dims, keepdim)];
    },
    dtype: floating,
    print: call('vector_norm'),
  }),
  'aten.nansum.default': define<ReductionAttributes>({
    shape: (inputs, { dims, keepdim }) => [reduced(inputAt(inputs, 0).shape, dims, keepdim)],
    dtype: accumulated,
    print: call('nansum'),
  }),
  'aten.nanmean.default': define<ReductionAttributes>({
    shape: (inputs, { dims, keepdim }) => [reduced(inputAt(inputs, 0).shape, dims, keepdim)],
    dtype: floating,
    print: call('nanmean'),
  }),
  'aten.quantile.scalar': define<Readonly<{ q: number; dim: number | null; keepdim: boolean }>>({
    shape: (inputs, { q, dim, keepdim }) => {
      const { shape } = inputAt(inputs, 0);
      if (!(q >= 0 && q <= 1)) argumentFault(`q must be in [0, 1], got ${q}`);
      requireElements(shape, []);
      return [reduced(shape, dimsOf(dim), keepdim)];
    },
    dtype: (inputs) => {
      const { dtype } = inputAt(inputs, 0);
      if (dtype !== 'float32' && dtype !== 'float64')
        dtypeFault(`input must be float32 or float64, got ${dtype}`);
      return [dtype];
    },
    print: call('quantile'),
  }),
  'aten.argmin.default': define<OneDimAttributes>({
    shape: (inputs, { dim, keepdim }) => {
      requireElements(inputAt(inputs, 0).shape, dimsOf(dim));
      return [reduced(inputAt(inputs, 0).shape, dimsOf(dim), keepdim)];
    },
    dtype: (inputs) => {
      requireNumber('input', inputAt(inputs, 0));
      return ['int64'];
    },
    print: call('argmin'),
  }),
  'aten.max.dim': located<KeptDimAttributes>('max', without),
  'aten.min.dim': located<KeptDimAttributes>('min', without),
  'aten.median.dim': located<KeptDimAttributes>('median', without, (inputs) =>
    requireNumber('input', inputAt(inputs, 0)),
  ),
  'aten.sort.stable': located<Readonly<{ dim: number; descending: boolean }>>('sort', whole),
  'aten.topk.default': located<Readonly<{ k: number; dim: number; largest: boolean }>>(
    'topk',
    (own, { k, dim }) => {
      const at = normalizeDim(dim, own.length);
      const size = own[at] ?? 1;
      if (!Number.isInteger(k) || k < 0 || k > size) {
        argumentFault(`k must be a whole number in [0, ${size}], got ${k}`);
      }
      return own.map((length, d) => (d === at ? k : length));
    },
    (inputs) => requireNumber('input', inputAt(inputs, 0)),
  ),
  'aten.cumprod.default': define<DimAttributes>({
    shape: (inputs, attrs) => [whole(inputAt(inputs, 0).shape, attrs)],
    dtype: accumulated,
    print: call('cumprod'),
  }),
  'aten.cummax.default': located<DimAttributes>('cummax', whole),
  'aten.cummin.default': located<DimAttributes>('cummin', whole),
  'aten.logcumsumexp.default': define<DimAttributes>({
    shape: (inputs, attrs) => [whole(inputAt(inputs, 0).shape, attrs)],
    dtype: floating,
    print: call('logcumsumexp'),
  }),
  /** inputs: sorted boundaries [..., N], values [..., M] (or boundaries [N] and values of any shape). */
  'aten.searchsorted.Tensor': define<Readonly<{ right: boolean }>>({
    shape: (inputs) => {
      const [edges, values] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      const outer = (shape: readonly number[]) => formatShape(shape.slice(0, -1));
      if (edges.length === 0) shapeFault('boundaries need at least 1 dimension, got []');
      if (edges.length > 1 && (edges.length !== values.length || outer(edges) !== outer(values))) {
        shapeFault(
          `boundaries must be [N], or agree with the values in all but the last dimension, got ${formatShape(edges)} and ${formatShape(values)}`,
        );
      }
      return [[...values]];
    },
    dtype: (inputs) => {
      requireOneDtype(inputs);
      requireNumber('boundaries', inputAt(inputs, 0));
      return ['int64'];
    },
    print: call('searchsorted'),
  }),
};
