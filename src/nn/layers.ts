/** Layers: parameters declared by name, applied to a tensor. */
import {
  affine,
  convolve,
  normalizeLayer,
  parameter,
  scope,
  type ConvolutionOptions,
  type Initializer,
  type Tensor,
} from '../graph/index.ts';
import { constant, fanInUniform } from './initializers.ts';

import { computeIn } from './precision.ts';

/** A function of a tensor that declares its parameters where it is applied. */
export type Layer = (x: Tensor) => Tensor;

/** Whether a dense layer has a bias [N], and how its weight [N, M] and bias start. */
export interface LinearOptions {
  readonly bias?: boolean;
  /** Default: PyTorch's, U(-1/sqrt(in), 1/sqrt(in)) for both. */
  readonly weightInitializer?: Initializer;
  readonly biasInitializer?: Initializer;
}

/**
 * x [..., in] to [..., size]: `name/weight` [size, in] and `name/bias` [size].
 *
 * @example linear('hidden', 64)(x) // [..., in] to [..., 64]
 */
export function linear(name: string, size: number, options: LinearOptions = {}): Layer {
  return (x) =>
    scope(name, () => {
      const fanIn = x.size(-1);
      const weight = parameter('weight', [size, fanIn], options.weightInitializer ?? fanInUniform(fanIn));
      const bias =
        options.bias === false
          ? null
          : parameter('bias', [size], options.biasInitializer ?? fanInUniform(fanIn));
      return computeIn(x, [weight, bias], (input, w, b) => affine(input, w as Tensor, b ?? null));
    });
}

/** A convolution's windows, and how its weight [O, I, K, K] and bias [O] start. */
export interface Conv2dOptions extends ConvolutionOptions {
  readonly weightInitializer?: Initializer;
  readonly biasInitializer?: Initializer;
}

/**
 * x [N, C, Y, X] to [N, channels, Y', X'] with a square kernel: `name/weight` and `name/bias`.
 *
 * @example conv2d('conv', 32, 3, { padding: 1 })(x) // [N, C, Y, X] to [N, 32, Y, X]
 */
export function conv2d(name: string, channels: number, kernel: number, options: Conv2dOptions = {}): Layer {
  return (x) =>
    scope(name, () => {
      const fanIn = x.size(1) * kernel * kernel;
      const shape = [channels, x.size(1), kernel, kernel];
      const weight = parameter('weight', shape, options.weightInitializer ?? fanInUniform(fanIn));
      const bias = parameter('bias', [channels], options.biasInitializer ?? fanInUniform(fanIn));
      return computeIn(x, [weight, bias], (input, w, b) => convolve(input, w as Tensor, b, options));
    });
}

/**
 * Layer normalisation over the last dimension (Ba et al. 2016), epsilon 1e-5.
 *
 * @example layerNorm('norm')(x) // [..., M]
 */
export function layerNorm(name: string): Layer {
  return (x) =>
    scope(name, () => {
      const weight = parameter('weight', [x.size(-1)], constant(1));
      const bias = parameter('bias', [x.size(-1)], constant(0));
      return normalizeLayer(x, weight, bias, 1e-5);
    });
}
