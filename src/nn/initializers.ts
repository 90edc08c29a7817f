/** How parameters start. Each is a traced function of a shape and a random key. */
import {
  diagonal,
  full,
  qr,
  randomNormal,
  randomUniform,
  sign,
  transpose,
  type Initializer,
  type Tensor,
} from '../graph/index.ts';

/**
 * Every element is `value`.
 *
 * @example parameter('bias', [8], constant(0))
 */
export function constant(value: number): Initializer {
  return (shape) => full(shape, value);
}

/**
 * Uniform in [-bound, bound).
 *
 * @example parameter('w', [8, 8], uniform(0.1))
 */
export function uniform(bound: number): Initializer {
  return (shape, key) =>
    randomUniform(key, shape)
      .mul(2 * bound)
      .sub(bound);
}

/**
 * Normal with mean 0.
 *
 * @example parameter('w', [8, 8], normal(0.1))
 */
export function normal(deviation: number): Initializer {
  return (shape, key) => randomNormal(key, shape).mul(deviation);
}

/**
 * PyTorch's default for weights and biases of linear and convolution layers: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
 *
 * @example linear('out', 8, { weightInitializer: fanInUniform(64) })
 */
export function fanInUniform(fanIn: number): Initializer {
  return uniform(1 / Math.sqrt(fanIn));
}

/**
 * He et al. 2015: normal with variance gain^2 * 2 / fan_in.
 *
 * @example linear('out', 8, { weightInitializer: heNormal(64, 1) })
 */
export function heNormal(fanIn: number, gain: number): Initializer {
  return normal(gain * Math.sqrt(2 / fanIn));
}

/**
 * Orthogonal rows or columns times `gain` (Saxe et al. 2014), for [out, in].
 *
 * @example linear('out', 8, { weightInitializer: orthogonal(Math.SQRT2) })
 */
export function orthogonal(gain: number): Initializer {
  return (shape, key) => {
    const [rows = 1, columns = 1] = shape;
    const tall = rows >= columns;
    const { q, r } = qr(randomNormal(key, tall ? [rows, columns] : [columns, rows]));
    // The sign of r's diagonal makes the distribution uniform over orthogonal matrices.
    const unique: Tensor = q.mul(sign(diagonal(r)));
    return (tall ? unique : transpose(unique, 0, 1)).mul(gain);
  };
}
