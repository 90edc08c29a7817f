/** Tensors that depend on no other: constants, and random numbers from a key. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

/** Every element is `value`. */
export function full(shape: readonly number[], value: number, dtype: Dtype = 'float32'): Tensor {
  return emit('aten.full.default', [], { shape: [...shape], value, dtype });
}

/** Every element is 0. */
export function zeros(shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return full(shape, 0, dtype);
}

/** 0, 1, ..., end - 1. */
export function arange(end: number, dtype: Dtype = 'int64'): Tensor {
  return emit('aten.arange.default', [], { end, dtype });
}

/** Uniform in [0, 1). Equal keys give equal numbers, on every run and for any thread count. */
export function randomUniform(key: Tensor, shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return emit('srwm.random_uniform', [key], { shape: [...shape], dtype });
}

/** Standard normal. Equal keys give equal numbers, on every run and for any thread count. */
export function randomNormal(key: Tensor, shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return emit('srwm.random_normal', [key], { shape: [...shape], dtype });
}
