/** Methods whose result the type checker knows: element by element, broadcast, matrix product, whole reductions. */
import type { Broadcast, Dims, MatmulDims, MatmulFits } from './dims.ts';
import type { Other } from './functions/arithmetic.ts';
import type { ReductionOptions } from './functions/reductions.ts';
import type { Tensor } from './tensor.ts';

/** Over the dimensions `dims`; all of them when absent or null. */
interface Reduction {
  (): Tensor<[]>;
  (dims: number | readonly number[] | null, options?: ReductionOptions): Tensor;
}

/**
 * Typed forms of methods of `Tensor`; all others give a plain `Tensor`. Dimensions come from `this`, so that a
 * `Tensor<[4, 8]>` stays assignable to a `Tensor`.
 */
export interface PreciseMethods {
  /** this + b, broadcast. */
  add<S extends Dims, B extends Dims = []>(this: Tensor<S>, b: Other<S, B>): Tensor<Broadcast<S, B>>;
  /** this - b, broadcast. */
  sub<S extends Dims, B extends Dims = []>(this: Tensor<S>, b: Other<S, B>): Tensor<Broadcast<S, B>>;
  /** this * b, broadcast. */
  mul<S extends Dims, B extends Dims = []>(this: Tensor<S>, b: Other<S, B>): Tensor<Broadcast<S, B>>;
  /** this / b, broadcast; always floating. */
  div<S extends Dims, B extends Dims = []>(this: Tensor<S>, b: Other<S, B>): Tensor<Broadcast<S, B>>;
  /** [..., m, k] times [..., k, n]. */
  matmul<S extends Dims, B extends Dims>(
    this: Tensor<S>,
    b: Tensor<B> & MatmulFits<S, B>,
  ): Tensor<MatmulDims<S, B>>;
  /** this ** exponent. */
  pow<T extends Tensor>(this: T, exponent: number): T;
  pow(exponent: Tensor): Tensor;
  /** Limited to [min, max]; either may be null. */
  clamp<T extends Tensor>(this: T, min: number | null, max: number | null): T;
  /** -x. */
  neg<T extends Tensor>(this: T): T;
  /** |x|. */
  abs<T extends Tensor>(this: T): T;
  /** -1, 0 or 1. */
  sign<T extends Tensor>(this: T): T;
  /** e to the power x. */
  exp<T extends Tensor>(this: T): T;
  /** Natural logarithm. */
  log<T extends Tensor>(this: T): T;
  /** log(1 + x). */
  log1p<T extends Tensor>(this: T): T;
  /** Square root. */
  sqrt<T extends Tensor>(this: T): T;
  /** 1 / sqrt(x). */
  rsqrt<T extends Tensor>(this: T): T;
  /** Sine. */
  sin<T extends Tensor>(this: T): T;
  /** Cosine. */
  cos<T extends Tensor>(this: T): T;
  /** max(x, 0). */
  relu<T extends Tensor>(this: T): T;
  /** x where positive, alpha (exp(x) - 1) elsewhere. */
  elu<T extends Tensor>(this: T, alpha?: number): T;
  /** x times the normal distribution function of x. */
  gelu<T extends Tensor>(this: T, options?: { readonly approximate?: 'none' | 'tanh' }): T;
  /** x * sigmoid(x). */
  silu<T extends Tensor>(this: T): T;
  /** 1 / (1 + exp(-x)). */
  sigmoid<T extends Tensor>(this: T): T;
  /** Hyperbolic tangent. */
  tanh<T extends Tensor>(this: T): T;
  /** log(1 + exp(beta x)) / beta. */
  softplus<T extends Tensor>(this: T, beta?: number): T;
  /** x * x. */
  square<T extends Tensor>(this: T): T;
  /** The same values as a constant: no gradient flows through. */
  stopGradient<T extends Tensor>(this: T): T;
  /** exp(x) normalised to sum 1 along `dim`. */
  softmax<T extends Tensor>(this: T, dim: number): T;
  /** log(softmax(x)), without underflow. */
  logSoftmax<T extends Tensor>(this: T, dim: number): T;
  /** Running sum along `dim`. */
  cumsum<T extends Tensor>(this: T, dim: number): T;
  /** Sum. */
  readonly sum: Reduction;
  /** Arithmetic mean. */
  readonly mean: Reduction;
  /** Largest element. */
  readonly amax: Reduction;
  /** Smallest element. */
  readonly amin: Reduction;
}
