/** Arithmetic and comparison, with PyTorch's broadcasting and type promotion. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import type { OpName } from '../ops/table.ts';
import { isFloating } from '../dtype.ts';
import type { Broadcast, Dims, Fits } from '../dims.ts';
import type { Tensor } from '../tensor.ts';
import { emit, requireTensor } from '../trace.ts';
import { full } from './sources.ts';

/** A tensor or a plain number. */
export type Operand = Tensor | number;
/** A number, or a tensor whose dimensions broadcast with `A`. */
export type Other<A extends Dims, B extends Dims> = number | (Tensor<B> & Fits<A, B>);

/**
 * `a + b`.
 *
 * @example add(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function add<A extends Dims, B extends Dims = []>(
  a: Tensor<A>,
  b: Other<A, B>,
): Tensor<Broadcast<A, B>> {
  const y =
    typeof b === 'number' ? emit('aten.add.Scalar', [a], { other: b }) : emit('aten.add.Tensor', [a, b], {});
  return y as Tensor<Broadcast<A, B>>;
}

/**
 * `a - b`; one of them may be a number.
 *
 * @example sub(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function sub(a: Operand, b: Operand): Tensor {
  if (typeof b === 'number') return add(requireTensor(a, 'sub'), -b);
  return typeof a === 'number'
    ? emit('aten.rsub.Scalar', [b], { other: a })
    : emit('aten.sub.Tensor', [a, b], {});
}

/**
 * `a * b`.
 *
 * @example mul(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function mul<A extends Dims, B extends Dims = []>(
  a: Tensor<A>,
  b: Other<A, B>,
): Tensor<Broadcast<A, B>> {
  const y =
    typeof b === 'number' ? emit('aten.mul.Scalar', [a], { other: b }) : emit('aten.mul.Tensor', [a, b], {});
  return y as Tensor<Broadcast<A, B>>;
}

/**
 * `a / b`, always floating; one of them may be a number.
 *
 * @example div(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function div(a: Operand, b: Operand): Tensor {
  if (typeof b === 'number') return emit('aten.div.Scalar', [requireTensor(a, 'div')], { other: b });
  if (typeof a === 'number') return mul(emit('aten.reciprocal.default', [b], {}), a);
  return emit('aten.div.Tensor', [a, b], {});
}

/**
 * `a ** exponent`.
 *
 * @example pow(x, 3)
 */
export function pow(a: Tensor, exponent: Operand): Tensor {
  return typeof exponent === 'number'
    ? emit('aten.pow.Tensor_Scalar', [a], { other: exponent })
    : emit('aten.pow.Tensor_Tensor', [a, exponent], {});
}

/**
 * The larger of both, element by element.
 *
 * @example maximum(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function maximum(a: Tensor, b: Tensor): Tensor {
  return emit('aten.maximum.default', [a, b], {});
}

/**
 * The smaller of both, element by element.
 *
 * @example minimum(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function minimum(a: Tensor, b: Tensor): Tensor {
  return emit('aten.minimum.default', [a, b], {});
}

/**
 * Limits every element to [min, max]; either may be null.
 *
 * @example clamp(x, -1, 1) // null leaves a side open
 */
export function clamp(a: Tensor, min: number | null, max: number | null): Tensor {
  return emit('aten.clamp.default', [a], { min, max });
}

/**
 * `condition ? a : b`, element by element; `condition` is bool.
 *
 * @example where(mask, x, 0) // bool [T, B], [T, B]
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const dtype: Dtype =
    [a, b].map((side) => (typeof side === 'number' ? null : side.dtype)).find((d) => d !== null) ?? 'float32';
  const lift = (side: Operand) =>
    typeof side === 'number'
      ? full([], side, isFloating(dtype) || Number.isInteger(side) ? dtype : 'float32')
      : side;
  return emit('aten.where.self', [condition, lift(a), lift(b)], {});
}

/** Makes the function `a OP b` for a comparison with a tensor and with a number. */
function comparison(tensorOp: OpName, scalarOp: OpName): (a: Tensor, b: Operand) => Tensor {
  return (a, b) =>
    typeof b === 'number'
      ? emit(scalarOp as 'aten.lt.Scalar', [a], { other: b })
      : emit(tensorOp as 'aten.lt.Tensor', [a, b], {});
}

/**
 * `a == b`, bool.
 *
 * @example eq(a, b) // bool; b may be a number
 */
export const eq = comparison('aten.eq.Tensor', 'aten.eq.Scalar');
/**
 * `a != b`, bool.
 *
 * @example ne(a, b) // bool; b may be a number
 */
export const ne = comparison('aten.ne.Tensor', 'aten.ne.Scalar');
/**
 * `a < b`, bool.
 *
 * @example lt(a, b) // bool; b may be a number
 */
export const lt = comparison('aten.lt.Tensor', 'aten.lt.Scalar');
/**
 * `a <= b`, bool.
 *
 * @example le(a, b) // bool; b may be a number
 */
export const le = comparison('aten.le.Tensor', 'aten.le.Scalar');
/**
 * `a > b`, bool.
 *
 * @example gt(a, b) // bool; b may be a number
 */
export const gt = comparison('aten.gt.Tensor', 'aten.gt.Scalar');
/**
 * `a >= b`, bool.
 *
 * @example ge(a, b) // bool; b may be a number
 */
export const ge = comparison('aten.ge.Tensor', 'aten.ge.Scalar');

/**
 * Not, of a bool tensor.
 *
 * @example logicalNot(a) // any shape
 */
export function logicalNot(a: Tensor): Tensor {
  return emit('aten.logical_not.default', [a], {});
}
/**
 * And, of bool tensors.
 *
 * @example logicalAnd(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function logicalAnd(a: Tensor, b: Tensor): Tensor {
  return emit('aten.logical_and.default', [a, b], {});
}
/**
 * Or, of bool tensors.
 *
 * @example logicalOr(a, b) // [4, 8] with [8] gives [4, 8]
 */
export function logicalOr(a: Tensor, b: Tensor): Tensor {
  return emit('aten.logical_or.default', [a, b], {});
}
