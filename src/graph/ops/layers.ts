/** Linear algebra and the layers PyTorch has a kernel for. */
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { broadcast, formatShape, requireRank, windowed } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireFloating,
  requireNumber,
  requireOneDtype,
  type Specs,
} from './definition.ts';
import { convolution } from './windows.ts';

const oneNumber = (inputs: Specs) => {
  requireNumber('input', inputAt(inputs, 0));
  return [requireOneDtype(inputs)];
};
const oneFloating = (inputs: Specs) => {
  requireFloating('input', inputAt(inputs, 0));
  return [requireOneDtype(inputs)];
};

export type WindowAttributes = Readonly<{ kernel: number[]; stride: number[]; padding: number[] }>;

export const layerOps = {
  'aten.matmul.default': define({
    shape: (inputs) => {
      const [a, b] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      if (a.length === 0 || b.length === 0) {
        shapeFault(`both inputs need at least 1 dimension, got ${formatShape(a)} and ${formatShape(b)}`);
      }
      const [left, right] = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b];
      if (left.at(-1) !== right.at(-2)) {
        shapeFault(
          `inner dimensions differ: ${formatShape(a)} @ ${formatShape(b)} (${left.at(-1)} vs ${right.at(-2)})`,
        );
      }
      const batch = broadcast([left.slice(0, -2), right.slice(0, -2)]);
      const rows = a.length === 1 ? [] : [left.at(-2) ?? 0];
      const columns = b.length === 1 ? [] : [right.at(-1) ?? 0];
      return [[...batch, ...rows, ...columns]];
    },
    dtype: oneNumber,
    print: call('matmul'),
  }),
  /** inputs: x [..., in], weight [out, in], optional bias [out]. */
  'aten.linear.default': define({
    shape: (inputs) => {
      const [x, weight] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      requireRank('weight', weight, 2);
      if (x.at(-1) !== weight[1]) {
        shapeFault(
          `the last dimension of ${formatShape(x)} must be ${weight[1]}, the weight is ${formatShape(weight)}`,
        );
      }
      const bias = inputs[2]?.shape;
      if (bias !== undefined && (bias.length !== 1 || bias[0] !== weight[0])) {
        shapeFault(`bias must be [${weight[0]}], got ${formatShape(bias)}`);
      }
      return [[...x.slice(0, -1), weight[0] ?? 0]];
    },
    dtype: oneFloating,
    print: call('linear'),
  }),
  /** x [..., m, n] to (q [..., m, k], r [..., k, n]), k = min(m, n). */
  'aten.linalg_qr.default': define({
    shape: (inputs) => {
      const { shape } = inputAt(inputs, 0);
      if (shape.length < 2) shapeFault(`input must have at least 2 dimensions, got ${formatShape(shape)}`);
      const [rows, columns] = [shape.at(-2) ?? 0, shape.at(-1) ?? 0];
      const inner = Math.min(rows, columns);
      const batch = shape.slice(0, -2);
      return [
        [...batch, rows, inner],
        [...batch, inner, columns],
      ];
    },
    dtype: (inputs) => {
      const dtype = requireOneDtype(inputs);
      if (dtype !== 'float32' && dtype !== 'float64')
        dtypeFault(`input must be float32 or float64, got ${dtype}`);
      return [dtype, dtype];
    },
    print: call('qr'),
  }),
  /** inputs: x [N, C, Y, X], weight [K, C / groups, y, x], optional bias [K]. */
  'aten.conv2d.default': convolution('conv2d', 2),
  'aten.max_pool2d.default': define<WindowAttributes>({
    shape: (inputs, { kernel, stride, padding }) => {
      const x = inputAt(inputs, 0).shape;
      requireRank('input', x, 4);
      if (x.slice(1).includes(0)) shapeFault(`input must not be empty, got ${formatShape(x)}`);
      if (padding.some((pad, i) => pad > (kernel[i] ?? 0) / 2)) {
        argumentFault(
          `padding must be at most half the kernel, got ${formatShape(padding)} for ${formatShape(kernel)}`,
        );
      }
      return [[x[0] ?? 0, x[1] ?? 0, ...spatial(x, kernel, stride, padding)]];
    },
    dtype: oneNumber,
    print: call('max_pool2d'),
  }),
  /** inputs: x [..., M], optional weight [M] and bias [M]. */
  'aten.layer_norm.default': define<Readonly<{ epsilon: number }>>({
    shape: (inputs) => {
      const x = inputAt(inputs, 0).shape;
      if (x.length === 0) shapeFault('input must have at least 1 dimension, got []');
      for (const { shape } of inputs.slice(1)) {
        if (shape.length !== 1 || shape[0] !== x.at(-1)) {
          shapeFault(`weight and bias must be [${x.at(-1)}], got ${formatShape(shape)}`);
        }
      }
      return [[...x]];
    },
    dtype: oneFloating,
    print: call('layer_norm'),
  }),
};

function spatial(
  x: readonly number[],
  kernel: readonly number[],
  stride: readonly number[],
  padding: readonly number[],
) {
  return [0, 1].map((i) => windowed(x[2 + i] ?? 0, kernel[i] ?? 0, stride[i] ?? 1, padding[i] ?? 0));
}
