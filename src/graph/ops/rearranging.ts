/** Repeating, padding, splitting, and triangles. */
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { formatShape, normalizeDim, requireSizes } from '../shape.ts';
import { call, define, inputAt, sameDtype, type OpDefinition } from './definition.ts';

type DimAttributes = Readonly<{ dim: number }>;
const MODES = ['constant', 'reflect', 'replicate', 'circular'];

function triangle(name: string): OpDefinition<Readonly<{ diagonal: number }>> {
  return define<Readonly<{ diagonal: number }>>({
    shape: (inputs, { diagonal }) => {
      const { shape } = inputAt(inputs, 0);
      if (shape.length < 2) shapeFault(`input must have at least 2 dimensions, got ${formatShape(shape)}`);
      requireWhole('diagonal', diagonal);
      return [[...shape]];
    },
    dtype: sameDtype,
    print: call(name),
  });
}

export function requireWhole(what: string, value: number): void {
  if (!Number.isInteger(value)) argumentFault(`${what} must be a whole number, got ${value}`);
}

/** `pad` holds (before, after) of the last dimension, then of the one before it, and so on. */
function padded(shape: readonly number[], pad: readonly number[], mode: string): number[] {
  if (pad.length % 2 !== 0 || pad.length > 2 * shape.length) {
    argumentFault(
      `pad must hold (before, after) of at most ${shape.length} dimensions, got ${formatShape(pad)}`,
    );
  }
  pad.forEach((size) => requireWhole('pad', size));
  if (!MODES.includes(mode)) argumentFault(`mode must be one of ${MODES.join(', ')}, got ${mode}`);
  const dims = pad.length / 2;
  if (mode !== 'constant' && !(dims >= 1 && dims <= 3 && shape.length === dims + 2)) {
    argumentFault(
      `mode ${mode} pads the last 1 to 3 dimensions of [N, C, ...], got ${formatShape(shape)} with ${formatShape(pad)}`,
    );
  }
  if (mode !== 'constant' && shape.slice(1).includes(0)) {
    shapeFault(`mode ${mode} needs elements to repeat, got ${formatShape(shape)}`);
  }
  return shape.map((size, dim) => {
    const from = 2 * (shape.length - 1 - dim);
    const [before, after] = [pad[from] ?? 0, pad[from + 1] ?? 0];
    const made = size + before + after;
    if (size + Math.min(0, before) + Math.min(0, after) < 0) {
      shapeFault(`padding ${formatShape(pad)} cuts more than there is of ${formatShape(shape)}`);
    }
    if (made < (mode === 'constant' || from >= pad.length ? 0 : 1))
      shapeFault(`padding ${formatShape(pad)} leaves nothing of ${formatShape(shape)}`);
    const most = mode === 'reflect' ? size - 1 : mode === 'circular' ? size : Infinity;
    if (before > most || after > most) {
      argumentFault(
        `mode ${mode} can pad a dimension of size ${size} by at most ${most}, got ${before} and ${after}`,
      );
    }
    return made;
  });
}

export const rearrangingOps = {
  'aten.repeat.default': define<Readonly<{ repeats: number[] }>>({
    shape: (inputs, { repeats }) => {
      const { shape } = inputAt(inputs, 0);
      requireSizes('repeats', repeats);
      if (repeats.length < shape.length) {
        argumentFault(`repeats must name at least ${shape.length} dimensions, got ${formatShape(repeats)}`);
      }
      const added = repeats.length - shape.length;
      return [repeats.map((count, dim) => count * (dim < added ? 1 : (shape[dim - added] ?? 1)))];
    },
    dtype: sameDtype,
    print: call('repeat'),
  }),
  'aten.repeat_interleave.self_int': define<Readonly<{ repeats: number; dim: number }>>({
    shape: (inputs, { repeats, dim }) => {
      const { shape } = inputAt(inputs, 0);
      requireSizes('repeats', [repeats]);
      const at = normalizeDim(dim, shape.length);
      return [shape.map((size, d) => (d === at ? size * repeats : size))];
    },
    dtype: sameDtype,
    print: call('repeat_interleave'),
  }),
  'aten.roll.default': define<Readonly<{ shifts: number[]; dims: number[] }>>({
    shape: (inputs, { shifts, dims }) => {
      const { shape } = inputAt(inputs, 0);
      if (shifts.length !== dims.length || dims.length === 0) {
        argumentFault(
          `one shift for each dimension is required, got ${formatShape(shifts)} for ${formatShape(dims)}`,
        );
      }
      shifts.forEach((shift) => requireWhole('shift', shift));
      dims.forEach((dim) => normalizeDim(dim, shape.length));
      return [[...shape]];
    },
    dtype: sameDtype,
    print: call('roll'),
  }),
  'aten.tril.default': triangle('tril'),
  'aten.triu.default': triangle('triu'),
  'aten.diag_embed.default': define<Readonly<{ offset: number }>>({
    shape: (inputs, { offset }) => {
      const { shape } = inputAt(inputs, 0);
      if (shape.length === 0) shapeFault('input must have at least 1 dimension, got []');
      requireWhole('offset', offset);
      const side = (shape.at(-1) ?? 0) + Math.abs(offset);
      return [[...shape.slice(0, -1), side, side]];
    },
    dtype: sameDtype,
    print: call('diag_embed'),
  }),
  'aten.split_with_sizes.default': define<Readonly<{ sizes: number[]; dim: number }>>({
    shape: (inputs, { sizes, dim }) => {
      const { shape } = inputAt(inputs, 0);
      const at = normalizeDim(dim, shape.length);
      requireSizes('sizes', sizes);
      const total = sizes.reduce((sum, size) => sum + size, 0);
      if (total !== shape[at] || sizes.length === 0) {
        shapeFault(
          `sizes ${formatShape(sizes)} must sum to ${shape[at]}, the size of dimension ${dim}, got ${total}`,
        );
      }
      return sizes.map((part) => shape.map((size, d) => (d === at ? part : size)));
    },
    dtype: (inputs, { sizes }) => sizes.flatMap(() => sameDtype(inputs)),
    print: call('split'),
  }),
  'aten.unbind.int': define<DimAttributes>({
    shape: (inputs, { dim }) => {
      const { shape } = inputAt(inputs, 0);
      const at = normalizeDim(dim, shape.length);
      if (shape[at] === 0) shapeFault(`dimension ${dim} of ${formatShape(shape)} has nothing to hand out`);
      return Array.from({ length: shape[at] ?? 0 }, () => shape.filter((_, d) => d !== at));
    },
    dtype: (inputs, { dim }) => {
      const { shape } = inputAt(inputs, 0);
      return Array.from({ length: shape[normalizeDim(dim, shape.length)] ?? 0 }, () =>
        sameDtype(inputs),
      ).flat();
    },
    print: call('unbind'),
  }),
  'aten.pad.default': define<Readonly<{ pad: number[]; mode: string; value: number | null }>>({
    shape: (inputs, { pad, mode }) => [padded(inputAt(inputs, 0).shape, pad, mode)],
    dtype: (inputs, { mode }) => {
      const [dtype] = sameDtype(inputs);
      if (mode !== 'constant' && dtype === 'bool') dtypeFault(`mode ${mode} is not defined for bool`);
      return sameDtype(inputs);
    },
    print: call('pad'),
  }),
  /** Windows of `size` along `dim`, as a new last dimension. */
  'aten.unfold.default': define<Readonly<{ dim: number; size: number; step: number }>>({
    shape: (inputs, { dim, size, step }) => {
      const { shape } = inputAt(inputs, 0);
      const at = normalizeDim(dim, shape.length);
      const length = shape[at] ?? 0;
      requireSizes('size', [size]);
      if (size > length) argumentFault(`size must be at most ${length}, got ${size}`);
      if (!Number.isInteger(step) || step < 1)
        argumentFault(`step must be a positive whole number, got ${step}`);
      return [[...shape.map((own, d) => (d === at ? Math.floor((length - size) / step) + 1 : own)), size]];
    },
    dtype: sameDtype,
    print: call('unfold'),
  }),
};
