/** Numbers on this side of the bridge: an owned copy with a dtype and a shape. */
import { hostTensor, toTypedArray, type HostTensor, type TypedArrayOf } from '../../bridge/client/index.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';

type Dtype = HostTensor['dtype'];
/** Plain numbers or booleans, nested as deep as the tensor has dimensions. */
export type NestedArray = number | boolean | readonly NestedArray[];
type Typed = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor in this process. Nobody else holds its memory; what was sent is a copy of it. */
export class HostArray<out D extends Dtype = Dtype> implements HostTensor {
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Little-endian bytes in C order. */
  readonly data: Uint8Array;

  constructor({ dtype, shape, data }: HostTensor & { readonly dtype: D }) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** The elements in C order; float16 and bfloat16 as bit patterns, bool as 0 and 1, int64 as bigints. */
  toArray(): TypedArrayOf<D> {
    return toTypedArray(this as HostTensor & { readonly dtype: D });
  }

  /**
   * The elements in C order as plain numbers.
   * @throws SrwmError PROTOCOL_TENSOR for float16 and bfloat16, whose bits are no numbers here.
   */
  toNumbers(): number[] {
    if (this.dtype === 'float16' || this.dtype === 'bfloat16')
      refuse('toNumbers', `must not be ${this.dtype}`, 'Convert it in the graph with .to("float32").');
    return Array.from(toTypedArray(this as HostTensor & { readonly dtype: 'float32' }), Number);
  }

  /**
   * The only element.
   * @throws SrwmError PROTOCOL_TENSOR when there are more.
   */
  item(): number {
    const [value, ...more] = this.toNumbers();
    if (value === undefined || more.length > 0)
      refuse('item', `must be one element, got [${this.shape.join(', ')}]`, 'Use toNumbers().');
    return value;
  }
}

/** The shape and dtype of a tensor made from numbers. */
export interface FromArrayOptions {
  /** Default: as the list is nested; of a typed array, its length. */
  readonly shape?: readonly number[];
  /** Default: of a typed array its own (Float32Array is float32); of booleans bool; of numbers float32. */
  readonly dtype?: Exclude<Dtype, 'float16' | 'bfloat16'>;
}

/**
 * A tensor from numbers. The numbers are copied: later changes of `values` do not reach it.
 *
 * @example fromArray([[1, 2], [3, 4]]) // float32 [2, 2]
 * @example fromArray(Float64Array.of(1, 2, 3, 4), { shape: [2, 2] }) // float64 [2, 2]
 * @throws SrwmError PROTOCOL_TENSOR when lists are ragged, or the shape holds another number of elements.
 */
export function fromArray(values: NestedArray | Typed, options: FromArrayOptions = {}): HostArray {
  const isTyped = ArrayBuffer.isView(values);
  const found = isTyped ? [values.length] : shapeOf(values);
  const flat = isTyped ? [...(values as Iterable<number | bigint>)] : flatten(values);
  const shape = options.shape ?? found;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size !== flat.length)
    refuse(
      'fromArray',
      `[${shape.join(', ')}] must hold ${flat.length} elements, got ${size}`,
      'Give the shape of the values.',
    );
  const kinds = new Set(isTyped ? [] : flat.map((value) => typeof value));
  if (kinds.size > 1)
    refuse('fromArray', 'must be all numbers or all booleans, got both', 'Write 1 and 0, or true and false.');
  const dtype =
    options.dtype ?? (isTyped ? dtypeOf(values) : typeof flat[0] === 'boolean' ? 'bool' : 'float32');
  return new HostArray(fill(dtype, flat, shape));
}

function dtypeOf(values: Typed): NonNullable<FromArrayOptions['dtype']> {
  if (values instanceof Float32Array) return 'float32';
  if (values instanceof Float64Array) return 'float64';
  if (values instanceof Int32Array) return 'int32';
  if (values instanceof BigInt64Array) return 'int64';
  if (values instanceof Uint8Array) return 'uint8';
  return refuse(
    'fromArray',
    `must be numbers, Float32Array, Float64Array, Int32Array, BigInt64Array or Uint8Array, got ${Object.prototype.toString.call(values)}`,
    'Convert it to one of these.',
  );
}

function fill(
  dtype: NonNullable<FromArrayOptions['dtype']>,
  flat: readonly (number | bigint | boolean)[],
  shape: readonly number[],
): HostTensor {
  const numbers = () => flat.map(Number);
  switch (dtype) {
    case 'float32':
      return hostTensor(dtype, Float32Array.from(numbers()), shape);
    case 'float64':
      return hostTensor(dtype, Float64Array.from(numbers()), shape);
    case 'int32':
      return hostTensor(dtype, Int32Array.from(whole(flat, dtype)), shape);
    case 'int64':
      return hostTensor(dtype, BigInt64Array.from(whole(flat, dtype).map(BigInt)), shape);
    case 'uint8':
      return hostTensor(dtype, Uint8Array.from(whole(flat, dtype)), shape);
    case 'bool':
      return hostTensor(
        dtype,
        Uint8Array.from(flat, (value) => (value ? 1 : 0)),
        shape,
      );
  }
}

const RANGES = {
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
} as const;

/** A typed array would wrap or cut what does not fit, without a word. */
function whole(flat: readonly (number | bigint | boolean)[], dtype: keyof typeof RANGES): number[] {
  const [least, most] = RANGES[dtype];
  return flat.map((value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    return refuse(
      'fromArray',
      `${dtype} must hold whole numbers in [${least}, ${most}], got ${value}`,
      'Round the values, or choose another dtype.',
    );
  });
}

function shapeOf(values: NestedArray): number[] {
  if (typeof values === 'number' || typeof values === 'boolean') return [];
  if (!Array.isArray(values))
    return refuse(
      'fromArray',
      `must be numbers in lists, got ${values === null ? 'null' : typeof values}`,
      'Give numbers.',
    );
  const [first, ...others] = (values as readonly NestedArray[]).map(shapeOf);
  if (others.some((other) => other.join() !== first?.join()))
    refuse('fromArray', 'lists of one level must have one length', 'Fill the shorter ones up.');
  return [values.length, ...(first ?? [])];
}

function flatten(values: NestedArray): (number | boolean)[] {
  return typeof values === 'object' ? values.flatMap(flatten) : [values];
}

function refuse(who: string, requirement: string, remedy: string): never {
  throw new SrwmError('PROTOCOL_TENSOR', `${who}: ${requirement}.`, { remedy });
}
