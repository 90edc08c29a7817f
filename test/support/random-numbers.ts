/** Repeatable numbers for tests. */
import { uniformStream } from '../../src/train/index.ts';

/** Numbers from -1 to 1 that depend on the seed alone. */
export function noise(count: number, seed: number): number[] {
  const next = uniformStream(BigInt(seed) + 0x5eedn);
  return Array.from({ length: count }, () => 2 * next() - 1);
}

/** Zeros and ones, one in `every` on average. */
export function flags(count: number, every: number, seed: number): number[] {
  return noise(count, seed).map((value) => Number((value + 1) / 2 < 1 / every));
}
