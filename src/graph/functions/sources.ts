/** Tensors that depend on no other: constants, and random numbers from a key. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

/**
 * Every element is `value`.
 *
 * @example full([2, 3], 0.5)
 */
export function full(shape: readonly number[], value: number, dtype: Dtype = 'float32'): Tensor {
  return emit('aten.full.default', [], { shape: [...shape], value, dtype });
}

/**
 * Every element is 0.
 *
 * @example zeros([4, 8])
 */
export function zeros(shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return full(shape, 0, dtype);
}

/**
 * Every element is 1.
 *
 * @example ones([4, 8])
 */
export function ones(shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return full(shape, 1, dtype);
}

/**
 * Zeros of the shape and dtype of `x`.
 *
 * @example zerosLike(x)
 */
export function zerosLike(x: Tensor): Tensor {
  return full(x.shape, 0, x.dtype);
}

/**
 * Ones of the shape and dtype of `x`.
 *
 * @example onesLike(x)
 */
export function onesLike(x: Tensor): Tensor {
  return full(x.shape, 1, x.dtype);
}

/** Numbers written in TypeScript, at most 4,096; the list is copied. @example constantOf([0.5, 2], [2]) */
export function constantOf(
  values: readonly number[],
  shape: readonly number[] = [values.length],
  dtype: Dtype = 'float32',
): Tensor {
  return emit('srwm.constant', [], { values: [...values], shape: [...shape], dtype });
}

/** start, start + step, ... up to but without end. @example range(10, 0, -2) // 10, 8, 6, 4, 2 */
export function range(start: number, end: number, step: number = 1, dtype: Dtype = 'int64'): Tensor {
  return emit('aten.arange.default', [], { end, dtype, start, step });
}

/** `steps` numbers from start to end, both included. @example linspace(-10, 10, 51) // the atoms of C51 */
export function linspace(start: number, end: number, steps: number, dtype: Dtype = 'float32'): Tensor {
  return emit('aten.linspace.default', [], { start, end, steps, dtype });
}

/**
 * Ones on the diagonal of [n, m], zeros elsewhere.
 *
 * @example eye(3) // [3, 3]
 */
export function eye(n: number, m: number = n, dtype: Dtype = 'float32'): Tensor {
  return emit('aten.eye.m', [], { n, m, dtype });
}

/**
 * 0, 1, ..., end - 1.
 *
 * @example arange(5) // int64 [5]: 0, 1, 2, 3, 4
 */
export function arange(end: number, dtype: Dtype = 'int64'): Tensor {
  return emit('aten.arange.default', [], { end, dtype });
}

/**
 * Uniform in [0, 1). Equal keys give equal numbers, on every run and for any thread count.
 *
 * @example randomUniform(key, [4, 8])
 */
export function randomUniform(key: Tensor, shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return emit('srwm.random_uniform', [key], { shape: [...shape], dtype });
}

/**
 * Standard normal. Equal keys give equal numbers, on every run and for any thread count.
 *
 * @example randomNormal(key, [4, 8])
 */
export function randomNormal(key: Tensor, shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return emit('srwm.random_normal', [key], { shape: [...shape], dtype });
}

/**
 * Elements set to 0 at `rate`, the others divided by 1 - rate (Srivastava et al. 2014). Leave it out to evaluate.
 *
 * @example dropout(x, 0.1, key) // `key` is a graph input, keySpec
 */
export function dropout(x: Tensor, rate: number, key: Tensor): Tensor {
  const kept = emit('aten.lt.Scalar', [randomUniform(key, x.shape)], { other: 1 - rate });
  const scaled = emit('aten.div.Scalar', [x], { other: 1 - rate });
  return emit('aten.where.self', [kept, scaled, full([], 0, scaled.dtype)], {});
}
