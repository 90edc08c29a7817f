/** Convolutions over sequences, transposed convolutions, pooling and resizing. */
import { argumentFault, shapeFault } from '../errors.ts';
import { formatShape, requireRank, requireSizes } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireFloating,
  requireNumber,
  requireOneDtype,
  type OpDefinition,
  type Specs,
} from './definition.ts';

const oneFloating = (inputs: Specs) => {
  requireFloating('input', inputAt(inputs, 0));
  return [requireOneDtype(inputs)];
};
const oneNumber = (inputs: Specs) => {
  requireNumber('input', inputAt(inputs, 0));
  return [requireOneDtype(inputs)];
};

/** `dilation` and `groups` are absent where they are 1. */
export type ConvolutionAttributes = Readonly<{
  stride: number[];
  padding: number[];
  dilation?: number[];
  groups?: number;
}>;
export type TransposedAttributes = Readonly<{
  stride: number[];
  padding: number[];
  output_padding: number[];
  dilation: number[];
  groups: number;
}>;
type PoolAttributes = Readonly<{ kernel: number[]; stride: number[]; padding: number[] }>;
type AveragePoolAttributes = Readonly<{
  kernel: number[];
  stride: number[];
  padding: number[];
  count_include_pad: boolean;
}>;
type OutputSize = Readonly<{ size: number[] }>;

function requireSettings(name: string, values: readonly number[], rank: number, least: number): void {
  if (values.length !== rank || values.some((value) => !Number.isInteger(value) || value < least)) {
    argumentFault(`${name} must be ${rank} whole numbers of at least ${least}, got ${formatShape(values)}`);
  }
}

function requireBias(bias: readonly number[] | undefined, channels: number | undefined): void {
  if (bias !== undefined && (bias.length !== 1 || bias[0] !== channels)) {
    shapeFault(`bias must be [${channels}], got ${formatShape(bias)}`);
  }
}

/** inputs: x [N, C, ...], weight [K, C / groups, ...], optional bias [K]. */
export function convolution(name: string, rank: number): OpDefinition<ConvolutionAttributes> {
  return define<ConvolutionAttributes>({
    shape: (inputs, { stride, padding, dilation = Array<number>(rank).fill(1), groups = 1 }) => {
      const [x, weight] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      requireRank('input', x, rank + 2);
      requireRank('weight', weight, rank + 2);
      requireSettings('stride', stride, rank, 1);
      requireSettings('padding', padding, rank, 0);
      requireSettings('dilation', dilation, rank, 1);
      requireGroups(groups, weight[0] ?? 0);
      if (x[1] !== (weight[1] ?? 0) * groups) {
        shapeFault(
          `input has ${x[1]} channels, the weight ${formatShape(weight)} takes ${(weight[1] ?? 0) * groups}`,
        );
      }
      requireBias(inputs[2]?.shape, weight[0]);
      const sizes = stride.map((step, i) =>
        fitted(x[2 + i] ?? 0, weight[2 + i] ?? 0, step, padding[i] ?? 0, dilation[i] ?? 1),
      );
      return [[x[0] ?? 0, weight[0] ?? 0, ...sizes]];
    },
    dtype: oneFloating,
    print: call(name),
  });
}

function requireGroups(groups: number, channels: number): void {
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    argumentFault(
      `groups must be a positive whole number that divides the channels ${channels}, got ${groups}`,
    );
  }
}

/** Output length of a window. */
function fitted(size: number, kernel: number, stride: number, padding: number, dilation: number): number {
  const reach = dilation * (kernel - 1) + 1;
  const result = Math.floor((size + 2 * padding - reach) / stride) + 1;
  if (result < 1 || kernel < 1)
    shapeFault(`a window of ${kernel} (padding ${padding}) does not fit into ${size}`);
  return result;
}

/** inputs: x [N, C, ...], weight [C, K / groups, ...], optional bias [K]. */
function transposed(name: string, rank: number): OpDefinition<TransposedAttributes> {
  return define<TransposedAttributes>({
    shape: (inputs, { stride, padding, output_padding, dilation, groups }) => {
      const [x, weight] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      requireRank('input', x, rank + 2);
      requireRank('weight', weight, rank + 2);
      requireSettings('stride', stride, rank, 1);
      requireSettings('padding', padding, rank, 0);
      requireSettings('output padding', output_padding, rank, 0);
      requireSettings('dilation', dilation, rank, 1);
      if (x[1] !== weight[0]) {
        shapeFault(`input has ${x[1]} channels, the weight ${formatShape(weight)} takes ${weight[0]}`);
      }
      requireGroups(groups, weight[0] ?? 0);
      const channels = (weight[1] ?? 0) * groups;
      requireBias(inputs[2]?.shape, channels);
      const sizes = stride.map((step, i) => {
        const extra = output_padding[i] ?? 0;
        if (extra >= Math.max(step, dilation[i] ?? 1)) {
          argumentFault(`output padding must be smaller than stride or dilation, got ${extra}`);
        }
        const reach = (dilation[i] ?? 1) * ((weight[2 + i] ?? 0) - 1);
        const size = ((x[2 + i] ?? 0) - 1) * step - 2 * (padding[i] ?? 0) + reach + extra + 1;
        if (size < 1) shapeFault(`padding ${formatShape(padding)} leaves nothing of ${formatShape(x)}`);
        return size;
      });
      return [[x[0] ?? 0, channels, ...sizes]];
    },
    dtype: oneFloating,
    print: call(name),
  });
}

function pooled<A extends PoolAttributes>(
  name: string,
  rank: number,
  dtype: (inputs: Specs) => ReturnType<typeof oneNumber>,
): OpDefinition<A> {
  return define<A>({
    shape: (inputs, { kernel, stride, padding }) => {
      const x = inputAt(inputs, 0).shape;
      requireRank('input', x, rank + 2);
      if (x.slice(1).includes(0)) shapeFault(`input must not be empty, got ${formatShape(x)}`);
      requireSettings('kernel', kernel, rank, 1);
      requireSettings('stride', stride, rank, 1);
      requireSettings('padding', padding, rank, 0);
      if (padding.some((pad, i) => pad > (kernel[i] ?? 0) / 2)) {
        argumentFault(
          `padding must be at most half the kernel, got ${formatShape(padding)} for ${formatShape(kernel)}`,
        );
      }
      const sizes = kernel.map((size, i) => fitted(x[2 + i] ?? 0, size, stride[i] ?? 1, padding[i] ?? 0, 1));
      return [[x[0] ?? 0, x[1] ?? 0, ...sizes]];
    },
    dtype,
    print: call(name),
  });
}

function toSize(name: string, rank: number, least: number): OpDefinition<OutputSize> {
  return define<OutputSize>({
    shape: (inputs, { size }) => {
      const x = inputAt(inputs, 0).shape;
      requireRank('input', x, rank + 2);
      requireSettings('size', size, rank, least);
      requireSizes('size', size);
      if (x.slice(1).includes(0)) shapeFault(`input must not be empty, got ${formatShape(x)}`);
      return [[x[0] ?? 0, x[1] ?? 0, ...size]];
    },
    dtype: oneFloating,
    print: call(name),
  });
}

export const windowOps = {
  'aten.conv1d.default': convolution('conv1d', 1),
  'aten.conv_transpose1d.default': transposed('conv_transpose1d', 1),
  'aten.conv_transpose2d.input': transposed('conv_transpose2d', 2),
  'aten.max_pool1d.default': pooled<PoolAttributes>('max_pool1d', 1, oneNumber),
  'aten.avg_pool1d.default': pooled<AveragePoolAttributes>('avg_pool1d', 1, oneFloating),
  'aten.avg_pool2d.default': pooled<AveragePoolAttributes>('avg_pool2d', 2, oneFloating),
  'aten.adaptive_avg_pool1d.default': toSize('adaptive_avg_pool1d', 1, 1),
  'aten.adaptive_avg_pool2d.default': toSize('adaptive_avg_pool2d', 2, 1),
  'aten.adaptive_max_pool2d.default': toSize('adaptive_max_pool2d', 2, 1),
  'aten.upsample_nearest2d.default': toSize('upsample_nearest2d', 2, 1),
  'aten.upsample_bilinear2d.default': toSize('upsample_bilinear2d', 2, 1),
};
