/** All randomness of a run: named streams of keys, each a pure function of the seed and counters. */
import { createHash } from 'node:crypto';

/**
 * A random key: unsigned, 64 bits. Equal arguments give equal keys, on every machine.
 *
 * @example randomKey(7, 'actions', 0) // a bigint
 */
export function randomKey(seed: number, stream: string, ...counters: readonly number[]): bigint {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, stream, ...counters]))
    .digest();
  return digest.readBigUInt64LE(0);
}

/** A seed for a library that takes 31 bits. */
export function librarySeed(seed: number, stream: string, ...counters: readonly number[]): number {
  return Number(randomKey(seed, stream, ...counters) & 0x7fffffffn);
}

/** Uniform numbers in [0, 1) by SplitMix64 (Steele et al. 2014), for the few choices that TypeScript makes itself. */
export function uniformStream(key: bigint): () => number {
  let state = key;
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
  };
}

/** 0 ... size - 1 in random order (Fisher and Yates). */
export function permutation(size: number, key: bigint): number[] {
  const next = uniformStream(key);
  const order = [...Array(size).keys()];
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}
