/** Convolutions, pooling and resizing. `[N, C, Y, X]` are batch, channels, rows and columns. */
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

/** One number for both directions, or (rows, columns). */
export type Pair = number | readonly [number, number];

export function pair(value: Pair): number[] {
  return typeof value === 'number' ? [value, value] : [...value];
}

/** How windows of a convolution or of pooling lie on the input. */
export interface WindowOptions {
  /** Distance between two windows; default 1 for convolutions, the kernel for pooling. */
  readonly stride?: Pair;
  /** Zeros (for max pooling: minus infinity) around the input; default 0. */
  readonly padding?: Pair;
}
/** How a convolution walks over its input; as `torch.nn.functional.conv2d` has it. */
export interface ConvolutionOptions extends WindowOptions {
  /** Distance between two taps of the kernel; default 1. */
  readonly dilation?: Pair;
  /** Channels are cut into groups that do not see each other; default 1. */
  readonly groups?: number;
}
/** How a transposed convolution walks over its output; as `torch.nn.functional.conv_transpose2d` has it. */
export interface TransposedOptions extends ConvolutionOptions {
  /** Rows and columns added at the end; default 0. */
  readonly outputPadding?: Pair;
}
/** Along one dimension. */
export interface SequenceOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

const given = (x: Tensor, weight: Tensor, bias: Tensor | null) =>
  bias === null ? [x, weight] : [x, weight, bias];

/**
 * x [N, C, Y, X] with weight [K, C / groups, y, x] and bias [K] to [N, K, Y', X'].
 *
 * @example convolve(x, weight, bias, { padding: 1 }) // [N, C, Y, X], [K, C, 3, 3], [K]
 */
export function convolve(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvolutionOptions = {},
): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const spread = pair(dilation);
  return emit('aten.conv2d.default', given(x, weight, bias), {
    stride: pair(stride),
    padding: pair(padding),
    ...(spread.every((step) => step === 1) ? {} : { dilation: spread }),
    ...(groups === 1 ? {} : { groups }),
  });
}

/** x [N, C, L] with weight [K, C / groups, l] and bias [K] to [N, K, L']. @example convolve1d(x, w, null, { padding: 1 }) */
export function convolve1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: SequenceOptions = {},
): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  return emit('aten.conv1d.default', given(x, weight, bias), {
    stride: [stride],
    padding: [padding],
    dilation: [dilation],
    groups,
  });
}

/**
 * The transpose of `convolve`: x [N, C, Y, X] with weight [C, K / groups, y, x] and bias [K] to [N, K, Y', X'].
 *
 * @example convolveTransposed(x, weight, bias, { stride: 2 }) // [N, C, Y, X]
 */
export function convolveTransposed(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: TransposedOptions = {},
): Tensor {
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options;
  return emit('aten.conv_transpose2d.input', given(x, weight, bias), {
    stride: pair(stride),
    padding: pair(padding),
    output_padding: pair(outputPadding),
    dilation: pair(dilation),
    groups,
  });
}

/**
 * The transpose of `convolve1d`: x [N, C, L] with weight [C, K / groups, l] and bias [K] to [N, K, L'].
 *
 * @example convolveTransposed1d(x, weight, bias, { stride: 2 }) // [N, C, L]
 */
export function convolveTransposed1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: SequenceOptions & { readonly outputPadding?: number } = {},
): Tensor {
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options;
  return emit('aten.conv_transpose1d.default', given(x, weight, bias), {
    stride: [stride],
    padding: [padding],
    output_padding: [outputPadding],
    dilation: [dilation],
    groups,
  });
}

/**
 * Largest element of each window of x [N, C, L].
 *
 * @example maxPool1d(x, 2) // [N, C, L] to [N, C, L / 2]
 */
export function maxPool1d(
  x: Tensor,
  kernel: number,
  options: { readonly stride?: number; readonly padding?: number } = {},
): Tensor {
  const { stride = kernel, padding = 0 } = options;
  return emit('aten.max_pool1d.default', [x], { kernel: [kernel], stride: [stride], padding: [padding] });
}

/**
 * Mean of each window of x [N, C, L]; `countPadding` false leaves the padding out of the mean.
 *
 * @example avgPool1d(x, 2) // [N, C, L] to [N, C, L / 2]
 */
export function avgPool1d(
  x: Tensor,
  kernel: number,
  options: { readonly stride?: number; readonly padding?: number; readonly countPadding?: boolean } = {},
): Tensor {
  const { stride = kernel, padding = 0, countPadding = true } = options;
  const attrs = { kernel: [kernel], stride: [stride], padding: [padding], count_include_pad: countPadding };
  return emit('aten.avg_pool1d.default', [x], attrs);
}

/**
 * Mean of each window of x [N, C, Y, X]; `countPadding` false leaves the padding out of the mean.
 *
 * @example avgPool2d(x, 2) // [N, C, Y, X] to [N, C, Y / 2, X / 2]
 */
export function avgPool2d(
  x: Tensor,
  kernel: Pair,
  options: WindowOptions & { readonly countPadding?: boolean } = {},
): Tensor {
  const { stride = kernel, padding = 0, countPadding = true } = options;
  return emit('aten.avg_pool2d.default', [x], {
    kernel: pair(kernel),
    stride: pair(stride),
    padding: pair(padding),
    count_include_pad: countPadding,
  });
}

/**
 * Means of evenly spread windows: x [N, C, L] to [N, C, size].
 *
 * @example adaptiveAvgPool1d(x, 4) // [N, C, L] to [N, C, 4]
 */
export function adaptiveAvgPool1d(x: Tensor, size: number): Tensor {
  return emit('aten.adaptive_avg_pool1d.default', [x], { size: [size] });
}

/** Means of evenly spread windows: x [N, C, Y, X] to [N, C, ...size]. @example adaptiveAvgPool2d(x, 1) */
export function adaptiveAvgPool2d(x: Tensor, size: Pair): Tensor {
  return emit('aten.adaptive_avg_pool2d.default', [x], { size: pair(size) });
}

/**
 * Largest elements of evenly spread windows: x [N, C, Y, X] to [N, C, ...size].
 *
 * @example adaptiveMaxPool2d(x, 4) // [N, C, Y, X] to [N, C, 4, 4]
 */
export function adaptiveMaxPool2d(x: Tensor, size: Pair): Tensor {
  return emit('aten.adaptive_max_pool2d.default', [x], { size: pair(size) });
}

/**
 * x [N, C, Y, X] resized to [N, C, ...size]; bilinear places pixel centres as PyTorch does (align_corners false).
 *
 * @example resize(x, [32, 32]) // [N, C, Y, X] to [N, C, 32, 32]
 */
export function resize(
  x: Tensor,
  size: Pair,
  options: { readonly mode?: 'nearest' | 'bilinear' } = {},
): Tensor {
  return options.mode === 'bilinear'
    ? emit('aten.upsample_bilinear2d.default', [x], { size: pair(size) })
    : emit('aten.upsample_nearest2d.default', [x], { size: pair(size) });
}
