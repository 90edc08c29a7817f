/** Random numbers that depend on what they are for and on nothing else: no stream is drawn from, so no order matters. */
import { bitwiseAnd, bitwiseXor, cast, rightShift, type Tensor } from '../graph/index.ts';

const WORD = 0xffffffff;

/**
 * Uniform noise in [0, 1), float32 of the shape that the counters broadcast to: a fixed function of three int64 tensors
 * with values in [0, 2^32). Equal counters give equal noise whatever the batch around them, on every device: 64 bits of
 * `salt` and `level` are mixed with `step` by the 32-bit finalizer of Wellons (2018), and the top 24 bits kept.
 *
 * @example counterNoise(salt, level, step) // [1, B] each to [1, B]
 */
export function counterNoise(salt: Tensor, level: Tensor, step: Tensor): Tensor {
  const one = mixWord(bitwiseXor(mixWord(salt), level));
  const other = mixWord(bitwiseXor(one.add(0x9e3779b9), level));
  const mixed = mixWord(bitwiseXor(mixWord(bitwiseXor(one, step)), other));
  return cast(rightShift(mixed, 8), 'float32').mul(2 ** -24);
}

/** A bijection of [0, 2^32). Its factors are below 2^31, so that no product leaves int64. */
function mixWord(x: Tensor): Tensor {
  let word = bitwiseAnd(x, WORD);
  word = bitwiseAnd(bitwiseXor(word, rightShift(word, 16)).mul(0x21f0aaad), WORD);
  word = bitwiseAnd(bitwiseXor(word, rightShift(word, 15)).mul(0x735a2d97), WORD);
  return bitwiseXor(word, rightShift(word, 15));
}
