/** Broadcasting and type promotion, against what numpy and torch do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { promoteTypes, resultType, toFloating, type Dtype } from '../../../src/graph/dtype.ts';
import { GraphError, tensorSpec, trace } from '../../../src/graph/index.ts';

/** numpy's rule, written from its manual: right-aligned, missing sizes are 1, sizes must be equal or 1. */
function numpyBroadcast(a: readonly number[], b: readonly number[]): number[] | null {
  const rank = Math.max(a.length, b.length);
  const [left, right] = [a, b].map((shape) => [...Array<number>(rank - shape.length).fill(1), ...shape]) as [
    number[],
    number[],
  ];
  if (left.some((size, dim) => size !== right[dim] && size !== 1 && right[dim] !== 1)) return null;
  return left.map((size, dim) => (size === 1 ? right[dim]! : size));
}

function traced(
  a: readonly number[],
  b: readonly number[],
  left: Dtype = 'float32',
  right: Dtype = 'float32',
) {
  const graph = trace('sum', { a: tensorSpec(a, left), b: tensorSpec(b, right) }, (given) => ({
    sum: given.a.add(given.b),
  }));
  return graph.spec.nodes[0]!.results[0]!;
}

const size = fc.constantFrom(0, 1, 1, 2, 3);
const shape = fc.array(size, { maxLength: 4 });
const pair = fc.tuple(shape, fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.nat(4));

describe('broadcasting', () => {
  it('gives the shape that numpy gives, or is refused where numpy refuses', () => {
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const expected = numpyBroadcast(a, b);
        if (expected === null) expect(() => traced(a, b)).toThrow(GraphError);
        else expect(traced(a, b).shape).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('accepts every shape made from another by ones and missing leading sizes', () => {
    fc.assert(
      fc.property(pair, ([full, ones, from]) => {
        const part = full
          .map((own, dim) => (ones[dim] === true ? 1 : own))
          .slice(Math.min(from, full.length));
        expect(traced(full, part).shape).toEqual(full);
        expect(traced(part, full).shape).toEqual(full);
      }),
      { numRuns: 100 },
    );
  });
});

const DTYPES = ['bool', 'uint8', 'int32', 'int64', 'float16', 'bfloat16', 'float32', 'float64'] as const;
type Table = Readonly<Record<(typeof DTYPES)[number], string>>;

/** torch.result_type(row [2], column [2]) of torch 2.15, columns in the order of DTYPES. */
const TENSOR_TENSOR: Table = {
  bool: 'bool uint8 int32 int64 float16 bfloat16 float32 float64',
  uint8: 'uint8 uint8 int32 int64 float16 bfloat16 float32 float64',
  int32: 'int32 int32 int32 int64 float16 bfloat16 float32 float64',
  int64: 'int64 int64 int64 int64 float16 bfloat16 float32 float64',
  float16: 'float16 float16 float16 float16 float16 float32 float32 float64',
  bfloat16: 'bfloat16 bfloat16 bfloat16 bfloat16 float32 bfloat16 float32 float64',
  float32: 'float32 float32 float32 float32 float32 float32 float32 float64',
  float64: 'float64 float64 float64 float64 float64 float64 float64 float64',
};
/** torch.result_type(row [2], column []). */
const TENSOR_SCALAR: Table = {
  bool: 'bool uint8 int32 int64 float16 bfloat16 float32 float64',
  uint8: 'uint8 uint8 uint8 uint8 float16 bfloat16 float32 float64',
  int32: 'int32 int32 int32 int32 float16 bfloat16 float32 float64',
  int64: 'int64 int64 int64 int64 float16 bfloat16 float32 float64',
  float16: 'float16 float16 float16 float16 float16 float16 float16 float16',
  bfloat16: 'bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16',
  float32: 'float32 float32 float32 float32 float32 float32 float32 float32',
  float64: 'float64 float64 float64 float64 float64 float64 float64 float64',
};
/** torch.result_type with 2 and with 0.5, of row [2] and of row []. */
const TENSOR_NUMBER: Table = {
  bool: 'int64 float32 int64 float32',
  uint8: 'uint8 float32 uint8 float32',
  int32: 'int32 float32 int32 float32',
  int64: 'int64 float32 int64 float32',
  float16: 'float16 float16 float16 float16',
  bfloat16: 'bfloat16 bfloat16 bfloat16 bfloat16',
  float32: 'float32 float32 float32 float32',
  float64: 'float64 float64 float64 float64',
};

describe('type promotion', () => {
  it.each(DTYPES)('of %s with a tensor, a tensor without dimensions and a number is that of torch', (row) => {
    const withTensors = DTYPES.map((column) => traced([2], [2], row, column).dtype);
    const withScalars = DTYPES.map((column) => traced([2], [], row, column).dtype);
    const withNumbers = [[2], []].flatMap((own) =>
      [2, 0.5].map((n) => resultType([tensorSpec(own, row), n])),
    );
    expect(withTensors.join(' ')).toBe(TENSOR_TENSOR[row]);
    expect(withScalars.join(' ')).toBe(TENSOR_SCALAR[row]);
    expect(withNumbers.join(' ')).toBe(TENSOR_NUMBER[row]);
  });

  it('does not depend on the order of the operands', () => {
    for (const a of DTYPES)
      for (const b of DTYPES) {
        expect(promoteTypes(a, b)).toBe(promoteTypes(b, a));
        expect(traced([], [2], b, a).dtype).toBe(traced([2], [], a, b).dtype);
      }
  });

  it('turns integers and bool into float32 where an op needs fractions', () => {
    expect(DTYPES.map(toFloating).join(' ')).toBe(
      'float32 float32 float32 float32 float16 bfloat16 float32 float64',
    );
  });

  it('knows no promotion of random keys', () => {
    expect(() => promoteTypes('key', 'int64')).toThrow(/random key/);
    expect(() => resultType([{ shape: [], dtype: 'key' }])).toThrow(/random key/);
    expect(() => toFloating('key')).toThrow(/random key/);
    expect(() => resultType([])).toThrow(/at least one operand/);
  });
});
