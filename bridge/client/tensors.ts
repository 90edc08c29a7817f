/** Tensors as they cross the bridge: bytes with a dtype and a shape. */
import { itemBytes, type TensorDtype } from '../protocol/envelope.ts';
import { SrwmError } from '../protocol/errors.ts';
import { MAX_FRAME_BYTES } from '../protocol/frames.ts';

/** A tensor in this process: little-endian bytes in C order. */
export interface HostTensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Typed arrays by dtype; float16 and bfloat16 are bit patterns in 16-bit integers, bool is 0 or 1 in bytes. */
interface ArrayTypes {
  float64: Float64Array;
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}
export type TypedArrayOf<D extends TensorDtype> = ArrayTypes[D];

const arrayTypes = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/**
 * A tensor over the memory of `array`. Throws PROTOCOL_TENSOR when its length is not the product of `shape`.
 *
 * @example hostTensor('float32', Float32Array.of(1, 2), [2])
 */
export function hostTensor<D extends TensorDtype>(
  dtype: D,
  array: TypedArrayOf<D>,
  shape: readonly number[],
): HostTensor {
  if (!(array instanceof arrayTypes[dtype])) {
    throw new SrwmError(
      'PROTOCOL_TENSOR',
      `hostTensor: ${dtype} must be given as ${arrayTypes[dtype].name}, got ${Object.prototype.toString.call(array)}.`,
    );
  }
  const tensor = { dtype, shape, data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) };
  checkTensor(tensor, 'hostTensor');
  return tensor;
}

/**
 * The elements of a tensor as a typed array, over the same memory where its address allows.
 *
 * @example toTypedArray(tensor)
 */
export function toTypedArray<D extends TensorDtype>(
  tensor: HostTensor & { readonly dtype: D },
): TypedArrayOf<D>;
export function toTypedArray(tensor: HostTensor): TypedArrayOf<TensorDtype> {
  const { dtype, data } = tensor;
  const isAligned = data.byteOffset % itemBytes[dtype] === 0;
  const bytes = isAligned ? data : data.slice();
  return new arrayTypes[dtype](
    bytes.buffer as ArrayBuffer,
    bytes.byteOffset,
    bytes.byteLength / itemBytes[dtype],
  );
}

/** Throws PROTOCOL_TENSOR or PROTOCOL_SIZE unless the bytes hold exactly one tensor of this dtype and shape. */
export function checkTensor(tensor: HostTensor, who: string): void {
  const expected = tensor.shape.reduce((product, size) => product * size, itemBytes[tensor.dtype]);
  if (tensor.data.byteLength !== expected) {
    throw new SrwmError(
      'PROTOCOL_TENSOR',
      `${who}: ${tensor.dtype} [${tensor.shape.join(', ')}] must be ${expected} bytes, got ${tensor.data.byteLength}.`,
    );
  }
  if (expected > MAX_FRAME_BYTES) {
    throw new SrwmError(
      'PROTOCOL_SIZE',
      `${who}: a tensor must be at most ${MAX_FRAME_BYTES} bytes, got ${expected}.`,
    );
  }
}

/** Bytes that nobody else can write: zeromq reads the memory it is given long after `send` returned. */
export function ownedBytes(tensor: HostTensor): Buffer {
  // Small ones share a block of Node's: several times as quick as one each, and no part of it is given out twice.
  const copy = Buffer.allocUnsafe(tensor.data.byteLength);
  copy.set(tensor.data);
  return copy;
}
