/** The keys of a run: equal on every machine and in every version, or resumed runs would part ways. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { librarySeed, permutation, randomKey, uniformStream } from '../../../src/train/index.ts';

describe('a random key', () => {
  it('is this number for these arguments, for ever', () => {
    expect(randomKey(1, 'noise')).toBe(18080819499938320877n);
    expect(randomKey(1, 'noise', 0)).toBe(6811096319308991871n);
    expect(randomKey(1, 'noise', 0, 7)).toBe(14791476253853881485n);
    expect(randomKey(2, 'noise', 0)).toBe(7343555977403041090n);
    expect(librarySeed(1, 'levels', 3)).toBe(29716785);
  });

  it('is the first eight bytes, little endian, of the SHA-256 of its arguments', () => {
    const digest = createHash('sha256').update('[1,"noise",0,7]').digest();
    expect(randomKey(1, 'noise', 0, 7)).toBe(digest.readBigUInt64LE(0));
  });

  it('is another one for every seed, stream and counter', () => {
    const keys = [0, 1, 2].flatMap((seed) =>
      ['a', 'b'].flatMap((stream) => [
        randomKey(seed, stream),
        ...[0, 1, 11].flatMap((i) => [randomKey(seed, stream, i), randomKey(seed, stream, 1, i)]),
      ]),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('fits a library that takes 31 bits', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, counter) => {
        const value = librarySeed(seed, 'library', counter);
        expect(Number.isInteger(value) && value >= 0 && value < 2 ** 31).toBe(true);
      }),
    );
  });
});

describe('a uniform stream', () => {
  it('is SplitMix64: for key 0 it gives the published numbers', () => {
    const next = uniformStream(0n);
    // e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f: the first outputs for seed 0.
    const published = [0xe220a8397b1dcdafn, 0x6e789e6aa1b965f4n, 0x06c45d188009454fn];
    expect([next(), next(), next()]).toEqual(published.map((bits) => Number(bits >> 11n) / 2 ** 53));
  });

  it('stays in [0, 1) and fills it evenly', () => {
    const next = uniformStream(randomKey(3, 'even'));
    const values = Array.from({ length: 4000 }, next);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const tenths = [...Array(10).keys()].map((i) => values.filter((v) => Math.floor(v * 10) === i).length);
    // 400 each, with a deviation of 19.
    for (const count of tenths) expect(Math.abs(count - 400)).toBeLessThan(95);
  });
});

describe('a permutation', () => {
  it('is this one for key 5', () => {
    expect(permutation(8, 5n)).toEqual([7, 2, 6, 4, 0, 1, 5, 3]);
  });

  it('holds every number once, whatever the key', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (size, key) => {
        const order = permutation(size, key);
        expect([...order].sort((a, b) => a - b)).toEqual([...Array(size).keys()]);
        expect(permutation(size, key)).toEqual(order);
      }),
      { numRuns: 60 },
    );
  });

  it('puts every number at every place about equally often', () => {
    const counts = new Map<string, number>();
    for (let run = 0; run < 1200; run++) {
      const text = permutation(3, randomKey(1, 'fair', run)).join('');
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    // 200 each, with a deviation of 13.
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(65);
  });
});
