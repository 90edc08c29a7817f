/** In which precision dense layers and convolutions compute; parameters stay float32 whatever it is. */
import type { Tensor } from '../graph/index.ts';

/** bfloat16 has float32's range and 8 bits of precision: faster where the processor multiplies it itself. */
export type LayerPrecision = 'float32' | 'bfloat16';

let current: LayerPrecision = 'float32';

/** Traces `body` with layers that compute in a precision; the former one holds again behind it. */
export function inPrecision<R>(precision: LayerPrecision, body: () => R): R {
  const former = current;
  current = precision;
  try {
    return body();
  } finally {
    current = former;
  }
}

/** The dtype that observations are turned into before the first layer. */
export function layerDtype(): LayerPrecision {
  return current;
}

/**
 * Applies a layer in the precision of the place: what it is given and its parameters are cast, and its result has the
 * dtype of `x` again. So activations stay bfloat16 inside an encoder, and a core around its dense layers stays float32.
 */
export function computeIn(
  x: Tensor,
  parameters: readonly (Tensor | null)[],
  layer: (x: Tensor, ...parameters: (Tensor | null)[]) => Tensor,
): Tensor {
  if (current === 'float32') return layer(x, ...parameters);
  const dtype = current;
  const cast = (tensor: Tensor | null) => (tensor === null ? null : tensor.to(dtype));
  const y = layer(x.dtype === dtype ? x : x.to(dtype), ...parameters.map(cast));
  return x.dtype === dtype ? y : y.to(x.dtype);
}
