/** Reading and writing at positions that are tensors themselves. Writing gives a new tensor. */
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { broadcast, formatShape, normalizeDim } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireDtype,
  requireNumber,
  sameDtype,
  type OpDefinition,
  type Specs,
} from './definition.ts';

type DimAttributes = Readonly<{ dim: number }>;

/** inputs: x, index, source. The index must fit into the source everywhere, and into x outside `dim`. */
function scattered<A extends DimAttributes>(name: string, numeric: boolean): OpDefinition<A> {
  return define<A>({
    shape: (inputs, { dim }) => {
      const [x, index, source] = [0, 1, 2].map((i) => inputAt(inputs, i).shape) as [
        number[],
        number[],
        number[],
      ];
      const at = normalizeDim(dim, x.length);
      const fits =
        index.length === x.length &&
        source.length === x.length &&
        index.every((size, d) => size <= (source[d] ?? 0) && (d === at || size <= (x[d] ?? 0)));
      // PyTorch takes a larger source and then fails in the backward pass.
      if (fits && formatShape(index) !== formatShape(source)) {
        shapeFault(
          `index ${formatShape(index)} and source ${formatShape(source)} must have one shape; slice the source`,
        );
      }
      if (!fits) {
        shapeFault(
          `index ${formatShape(index)} must fit into source ${formatShape(source)}, and into ${formatShape(x)} outside dimension ${dim}`,
        );
      }
      return [[...x]];
    },
    dtype: (inputs) => {
      requireDtype('index', inputAt(inputs, 1), 'int64');
      requireSame(inputs, 0, 2, 'source');
      if (numeric) requireNumber('input', inputAt(inputs, 0));
      return sameDtype(inputs);
    },
    print: call(name),
  });
}

function requireSame(inputs: Specs, a: number, b: number, what: string): void {
  const [first, second] = [inputAt(inputs, a).dtype, inputAt(inputs, b).dtype];
  if (first !== second) dtypeFault(`${what} must be ${first} like the input, got ${second}`);
}

/** inputs: x, index [n], source with n at `dim` and x's sizes elsewhere. */
function indexed(name: string): OpDefinition<DimAttributes> {
  return define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const [x, index, source] = [0, 1, 2].map((i) => inputAt(inputs, i).shape) as [
        number[],
        number[],
        number[],
      ];
      const at = normalizeDim(dim, x.length);
      if (index.length !== 1) shapeFault(`index must have 1 dimension, got ${formatShape(index)}`);
      const wanted = x.map((size, d) => (d === at ? (index[0] ?? 0) : size));
      if (formatShape(wanted) !== formatShape(source)) {
        shapeFault(`source must be ${formatShape(wanted)}, got ${formatShape(source)}`);
      }
      return [[...x]];
    },
    dtype: (inputs) => {
      requireDtype('index', inputAt(inputs, 1), 'int64');
      requireSame(inputs, 0, 2, 'source');
      return sameDtype(inputs);
    },
    print: call(name),
  });
}

/** Shape of x[i, j, ...] with index tensors for the first dimensions. */
function picked(x: readonly number[], indices: Specs): number[] {
  if (indices.length === 0 || indices.length > x.length) {
    argumentFault(`between 1 and ${x.length} index tensors are required, got ${indices.length}`);
  }
  return [...broadcast(indices.map(({ shape }) => shape)), ...x.slice(indices.length)];
}
const requireIndices = (indices: Specs) => indices.forEach((index) => requireDtype('index', index, 'int64'));

export const indexingOps = {
  'aten.scatter.src': scattered<DimAttributes>('scatter', false),
  'aten.scatter_add.default': scattered<DimAttributes>('scatter_add', true),
  'aten.scatter_reduce.two': define<Readonly<{ dim: number; reduce: string; include_self: boolean }>>({
    shape: (inputs, attrs) => {
      if (!['sum', 'prod', 'mean', 'amax', 'amin'].includes(attrs.reduce)) {
        argumentFault(`reduce must be sum, prod, mean, amax or amin, got ${attrs.reduce}`);
      }
      return scattered<DimAttributes>('scatter_reduce', true).shape(inputs, attrs, null);
    },
    dtype: (inputs) => scattered<DimAttributes>('scatter_reduce', true).dtype(inputs, { dim: 0 }, null),
    print: call('scatter_reduce'),
  }),
  'aten.index_add.default': indexed('index_add'),
  'aten.index_copy.default': indexed('index_copy'),
  /** inputs: x, index of the same rank; both broadcast outside `dim`. */
  'aten.take_along_dim.default': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const [x, index] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      if (x.length !== index.length) {
        shapeFault(
          `input and index must have equally many dimensions, got ${formatShape(x)} and ${formatShape(index)}`,
        );
      }
      const at = normalizeDim(dim, x.length);
      const ones = (shape: readonly number[]) => shape.map((size, d) => (d === at ? 1 : size));
      return [broadcast([ones(x), ones(index)]).map((size, d) => (d === at ? (index[d] ?? 0) : size))];
    },
    dtype: (inputs) => (requireDtype('index', inputAt(inputs, 1), 'int64'), sameDtype(inputs)),
    print: call('take_along_dim'),
  }),
  /** inputs: x, then one index tensor for each of the first dimensions. */
  'aten.index.Tensor': define({
    shape: (inputs) => [picked(inputAt(inputs, 0).shape, inputs.slice(1))],
    dtype: (inputs) => (requireIndices(inputs.slice(1)), sameDtype(inputs)),
    print: call('index'),
  }),
  /** inputs: x, values, then one index tensor for each of the first dimensions. */
  'aten.index_put.default': define<Readonly<{ accumulate: boolean }>>({
    shape: (inputs) => {
      const [x, values] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      const target = picked(x, inputs.slice(2));
      if (formatShape(broadcast([target, values])) !== formatShape(target)) {
        shapeFault(`values must broadcast to ${formatShape(target)}, got ${formatShape(values)}`);
      }
      return [[...x]];
    },
    dtype: (inputs) => {
      requireIndices(inputs.slice(2));
      requireSame(inputs, 0, 1, 'values');
      return sameDtype(inputs);
    },
    print: call('index_put'),
  }),
  /** inputs: x, mask (bool, broadcasts to x's shape or beyond). */
  'aten.masked_fill.Scalar': define<Readonly<{ value: number }>>({
    shape: (inputs) => [broadcast(inputs.map(({ shape }) => shape))],
    dtype: (inputs, { value }) => {
      requireDtype('mask', inputAt(inputs, 1), 'bool');
      const [dtype] = sameDtype(inputs);
      const whole = dtype === 'int64' || dtype === 'int32' || dtype === 'uint8' || dtype === 'bool';
      if (whole && !Number.isInteger(value))
        argumentFault(`value must be a whole number for ${dtype}, got ${value}`);
      return sameDtype(inputs);
    },
    print: call('masked_fill'),
  }),
  /** inputs: weight [N, E], index of any shape. */
  'aten.embedding.default': define({
    shape: (inputs) => {
      const [weight, index] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      if (weight.length !== 2) shapeFault(`weight must have 2 dimensions, got ${formatShape(weight)}`);
      return [[...index, weight[1] ?? 0]];
    },
    dtype: (inputs) => {
      const { dtype } = inputAt(inputs, 1);
      if (dtype !== 'int64' && dtype !== 'int32') dtypeFault(`index must be int64 or int32, got ${dtype}`);
      return sameDtype(inputs);
    },
    print: call('embedding'),
  }),
};
