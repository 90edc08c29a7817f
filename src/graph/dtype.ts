/** PyTorch's type promotion: https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc */
import type { Dtype } from '../../bridge/protocol/graph-spec.ts';
import { dtypeFault } from './errors.ts';

export type { Dtype };

const CATEGORY: Readonly<Record<Dtype, number>> = {
  key: -1,
  bool: 0,
  uint8: 1,
  int32: 1,
  int64: 1,
  float16: 2,
  bfloat16: 2,
  float32: 2,
  float64: 2,
};
/** In the order of promotion. */
export const DTYPES: readonly Dtype[] = [
  'bool',
  'uint8',
  'int32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];

export function isFloating(dtype: Dtype): boolean {
  return CATEGORY[dtype] === 2;
}

export function isInteger(dtype: Dtype): boolean {
  return CATEGORY[dtype] === 1;
}

/** The dtype that holds values of both. */
export function promoteTypes(a: Dtype, b: Dtype): Dtype {
  if (a === 'key' || b === 'key') dtypeFault('a random key is no number; only random ops take it');
  if (a === b) return a;
  // float16 and bfloat16 hold neither the other's range nor its precision.
  if ((a === 'float16' && b === 'bfloat16') || (a === 'bfloat16' && b === 'float16')) return 'float32';
  return DTYPES.indexOf(a) > DTYPES.indexOf(b) ? a : b;
}

/** A JavaScript number takes part as a scalar: it can raise the category, never the width. */
export type Operand = { readonly shape: readonly number[]; readonly dtype: Dtype } | number | boolean;

/** Result dtype of an elementwise op: tensors with dimensions outrank 0-d tensors, which outrank numbers. */
export function resultType(operands: readonly Operand[]): Dtype {
  const levels: [Dtype | null, Dtype | null, Dtype | null] = [null, null, null];
  for (const operand of operands) {
    const [level, dtype] = levelOf(operand);
    const before = levels[level];
    levels[level] = before === null || before === undefined ? dtype : promoteTypes(before, dtype);
  }
  let result: Dtype | null = null;
  for (const dtype of levels) {
    if (dtype === null) continue;
    if (result === null || CATEGORY[dtype] > CATEGORY[result]) result = dtype;
  }
  if (result === null) dtypeFault('at least one operand is required');
  return result;
}

function levelOf(operand: Operand): [0 | 1 | 2, Dtype] {
  if (typeof operand === 'boolean') return [2, 'bool'];
  if (typeof operand === 'number') return [2, Number.isInteger(operand) ? 'int64' : 'float32'];
  if (operand.dtype === 'key') dtypeFault('a random key is no number; only random ops take it');
  return [operand.shape.length === 0 ? 1 : 0, operand.dtype];
}

/** Ops like `exp` and `div` turn integers into the default floating dtype. */
export function toFloating(dtype: Dtype): Dtype {
  if (dtype === 'key') dtypeFault('a random key is no number; only random ops take it');
  return isFloating(dtype) ? dtype : 'float32';
}
