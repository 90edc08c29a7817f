/** Views, joins and indexing. */
import { promoteTypes } from '../dtype.ts';
import { argumentFault, shapeFault } from '../errors.ts';
import { formatShape, normalizeDim, normalizeDims, requireSizes, reshaped } from '../shape.ts';
import { call, define, inputAt, requireDtype, sameDtype, type OpDefinition } from './definition.ts';

type DimAttributes = Readonly<{ dim: number }>;

/** Joins take the dtype that holds all inputs. */
const joined: OpDefinition<DimAttributes>['dtype'] = (inputs) => [
  inputs.map((spec) => spec.dtype).reduce((a, b) => promoteTypes(a, b)),
];

function sliceLength(size: number, start: number, end: number, step: number): number {
  if (!Number.isInteger(step) || step < 1) argumentFault(`step must be a positive integer, got ${step}`);
  const clamp = (at: number) => Math.min(size, Math.max(0, at < 0 ? at + size : at));
  return Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
}

export const shapeOps = {
  'aten.reshape.default': define<Readonly<{ shape: number[] }>>({
    shape: (inputs, { shape }) => [reshaped(inputAt(inputs, 0).shape, shape)],
    dtype: sameDtype,
    print: call('reshape'),
  }),
  'aten.permute.default': define<Readonly<{ dims: number[] }>>({
    shape: (inputs, { dims }) => {
      const { shape } = inputAt(inputs, 0);
      const order = normalizeDims(dims, shape.length);
      if (order.length !== shape.length) {
        argumentFault(`the order must name all ${shape.length} dimensions, got ${formatShape(dims)}`);
      }
      return [order.map((dim) => shape[dim] ?? 0)];
    },
    dtype: sameDtype,
    print: call('permute'),
  }),
  'aten.expand.default': define<Readonly<{ shape: number[] }>>({
    shape: (inputs, { shape }) => {
      requireSizes('the new shape', shape, -1);
      const own = inputAt(inputs, 0).shape;
      const added = shape.length - own.length;
      const fits =
        added >= 0 &&
        !shape.slice(0, added).includes(-1) &&
        own.every((size, dim) => {
          const target = shape[dim + added];
          return size === 1 || target === size || target === -1;
        });
      if (!fits) shapeFault(`cannot expand ${formatShape(own)} to ${formatShape(shape)}`);
      return [shape.map((size, dim) => (size === -1 ? (own[dim - added] ?? 0) : size))];
    },
    dtype: sameDtype,
    print: call('expand'),
  }),
  'aten.unsqueeze.default': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const shape = [...inputAt(inputs, 0).shape];
      shape.splice(normalizeDim(dim, shape.length + 1), 0, 1);
      return [shape];
    },
    dtype: sameDtype,
    print: call('unsqueeze'),
  }),
  'aten.squeeze.dim': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const { shape } = inputAt(inputs, 0);
      const gone = normalizeDim(dim, shape.length);
      return [shape.filter((size, at) => at !== gone || size !== 1)];
    },
    dtype: sameDtype,
    print: call('squeeze'),
  }),
  'aten.slice.Tensor': define<Readonly<{ dim: number; start: number; end: number; step: number }>>({
    shape: (inputs, { dim, start, end, step }) => {
      const { shape } = inputAt(inputs, 0);
      const at = normalizeDim(dim, shape.length);
      return [shape.map((size, index) => (index === at ? sliceLength(size, start, end, step) : size))];
    },
    dtype: sameDtype,
    print: call('slice'),
  }),
  'aten.select.int': define<Readonly<{ dim: number; index: number }>>({
    shape: (inputs, { dim, index }) => {
      const { shape } = inputAt(inputs, 0);
      const at = normalizeDim(dim, shape.length);
      const size = shape[at] ?? 0;
      if (!Number.isInteger(index) || index < -size || index >= size) {
        shapeFault(`index ${index} is out of range for dimension ${dim} of size ${size}`);
      }
      return [shape.filter((_, dimension) => dimension !== at)];
    },
    dtype: sameDtype,
    print: call('select'),
  }),
  'aten.flip.default': define<Readonly<{ dims: number[] }>>({
    shape: (inputs, { dims }) => {
      const { shape } = inputAt(inputs, 0);
      normalizeDims(dims, shape.length);
      return [[...shape]];
    },
    dtype: sameDtype,
    print: call('flip'),
  }),
  'aten.cat.default': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const first = inputAt(inputs, 0).shape;
      const at = normalizeDim(dim, first.length);
      let total = 0;
      for (const { shape } of inputs) {
        const differs =
          shape.length !== first.length || shape.some((size, d) => d !== at && size !== first[d]);
        if (differs) {
          shapeFault(
            `inputs must agree outside dimension ${dim}, got ${formatShape(first)} and ${formatShape(shape)}`,
          );
        }
        total += shape[at] ?? 0;
      }
      return [first.map((size, d) => (d === at ? total : size))];
    },
    dtype: joined,
    print: (inputs, { dim }) => `cat([${inputs.join(', ')}], dim=${dim})`,
  }),
  'aten.stack.default': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const first = inputAt(inputs, 0).shape;
      for (const { shape } of inputs) {
        if (formatShape(shape) !== formatShape(first)) {
          shapeFault(`inputs must have one shape, got ${formatShape(first)} and ${formatShape(shape)}`);
        }
      }
      const result = [...first];
      result.splice(normalizeDim(dim, first.length + 1), 0, inputs.length);
      return [result];
    },
    dtype: joined,
    print: (inputs, { dim }) => `stack([${inputs.join(', ')}], dim=${dim})`,
  }),
  'aten.gather.default': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const [source, index] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      const at = normalizeDim(dim, source.length);
      const fits =
        index.length === source.length && index.every((size, d) => d === at || size <= (source[d] ?? 0));
      if (!fits) {
        shapeFault(
          `index ${formatShape(index)} does not fit into ${formatShape(source)} along dimension ${dim}`,
        );
      }
      return [[...index]];
    },
    dtype: (inputs) => (requireDtype('index', inputAt(inputs, 1), 'int64'), sameDtype(inputs)),
    print: call('gather'),
  }),
  'aten.index_select.default': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const [source, index] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      const at = normalizeDim(dim, source.length);
      if (index.length !== 1) shapeFault(`index must have 1 dimension, got ${formatShape(index)}`);
      return [source.map((size, d) => (d === at ? (index[0] ?? 0) : size))];
    },
    dtype: (inputs) => (requireDtype('index', inputAt(inputs, 1), 'int64'), sameDtype(inputs)),
    print: call('index_select'),
  }),
  /** The diagonal of the last two dimensions; `offset` is absent where it is 0. */
  'aten.diagonal.default': define<Readonly<{ offset?: number }>>({
    shape: (inputs, { offset = 0 }) => {
      const { shape } = inputAt(inputs, 0);
      if (shape.length < 2) shapeFault(`input must have at least 2 dimensions, got ${formatShape(shape)}`);
      if (!Number.isInteger(offset)) argumentFault(`offset must be a whole number, got ${offset}`);
      const [rows, columns] = [shape.at(-2) ?? 0, shape.at(-1) ?? 0];
      const length = offset < 0 ? Math.min(rows + offset, columns) : Math.min(rows, columns - offset);
      return [[...shape.slice(0, -2), Math.max(0, length)]];
    },
    dtype: sameDtype,
    print: call('diagonal'),
  }),
};
