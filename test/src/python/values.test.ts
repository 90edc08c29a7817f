import { expect, test } from 'vitest';
import { encode, LIMITS, untag } from '../../../src/python/values.ts';

const encoded = (value: unknown): unknown => encode([value], {}, 'f of a.py').arguments[0];

test.each([
  ['NaN', Number.NaN, 'nan'],
  ['an infinity', Number.NEGATIVE_INFINITY, '-inf'],
  ['-0, which JSON writes as 0', -0, '-0.0'],
  ['2**60, which Python would read as an int', 2 ** 60, '1152921504606847000'],
])('tags %s', (_, value, text) => {
  expect(encode([value], {}, 'f')).toEqual({ arguments: [{ $float: text }], keywords: {}, tagged: true });
  expect(untag(encoded(value))).toBe(value);
});

test('leaves plain values alone and says so', () => {
  const value = { a: [1, 1.5, 'x', null, true, { b: [] }], c: Number.MAX_SAFE_INTEGER };
  expect(encode([value], {}, 'f')).toEqual({ arguments: [value], keywords: {}, tagged: false });
});

test('keys that look like tags, or like a prototype, come through', () => {
  const value = JSON.parse('{"$float": "nan", "$$": 1, "__proto__": {"polluted": true}}') as object;
  const there = encoded(value) as object;
  expect(Object.keys(there)).toEqual(['$$float', '$$$', '__proto__']);
  const back = untag(there) as Record<string, unknown>;
  expect(JSON.stringify(back)).toBe(JSON.stringify(value));
  expect(back['polluted']).toBeUndefined();
});

class Policy {
  size = 3;
}
const cycle: unknown[] = [];
cycle.push(cycle);

test.each([
  ['undefined', undefined, 'undefined', 'write null'],
  ['a BigInt', 5n, 'a BigInt', 'Number(it)'],
  ['a Float32Array', new Float32Array(3), 'a Float32Array', 'as tensors'],
  ['a Buffer', Buffer.from('abc'), 'a Buffer', 'write them to a file'],
  ['an ArrayBuffer', new ArrayBuffer(3), 'a ArrayBuffer', 'as tensors'],
  ['a Map', new Map([[1, 2]]), 'a Map', 'Object.fromEntries'],
  ['a Set', new Set([1]), 'a Set', '[...set]'],
  ['a Date', new Date(0), 'a Date', 'toISOString'],
  ['a function', () => 1, 'a function', 'cannot call back'],
  ['a symbol', Symbol('s'), 'a symbol', 'as text'],
  ['a promise', Promise.resolve(1), 'a Promise', 'Await'],
  ['a class instance', new Policy(), 'a Policy', 'plain object'],
])('refuses %s, with its place and the mend', (_, value, name, mend) => {
  expect(() => encode([1, { list: [0, value] }], {}, 'f of a.py')).toThrow(
    expect.objectContaining({
      code: 'PYTHON_VALUE',
      message: `python: argument 2.list[1] of f of a.py must be numbers, text, lists or plain objects, got ${name}.`,
      remedy: expect.stringContaining(mend) as string,
    }),
  );
});

test('refuses holes, cycles and unfit keyword arguments', () => {
  expect(() => encoded([, 1])).toThrow('argument 1[0] of f of a.py must be');
  expect(() => encoded(cycle)).toThrow('nested deeper than 64');
  expect(() => encode([], { size: 1n }, 'f')).toThrow('keyword size of f must be');
});

test('refuses more than a call is for, counted over all arguments, and points to tensors', () => {
  const half = Array.from({ length: LIMITS.values / 2 }, () => 0.5);
  expect(() => encode([half], {}, 'f')).not.toThrow();
  const tooMuch = expect.objectContaining({
    code: 'PYTHON_SIZE',
    remedy: expect.stringContaining('as tensors') as string,
  }) as Error;
  expect(() => encode([half, half], {}, 'f')).toThrow(tooMuch);
  expect(() => encode([Array.from({ length: 1e6 })], {}, 'f')).toThrow(tooMuch);
  expect(() => encode(['x'.repeat(LIMITS.characters + 1)], {}, 'f')).toThrow(tooMuch);
});
