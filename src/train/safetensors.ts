/**
 * Named tensors in a file, in the format of safetensors: eight bytes of header length, a JSON header, the bytes.
 * PyTorch reads and writes the same files with `safetensors.torch`, and checkpoints of runs are such files.
 */
import { readFileSync } from 'node:fs';
import type { HostTensor } from '../../bridge/client/index.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { HostArray } from './host-array.ts';
import { writeWhole } from './run-directory.ts';

const NAMES = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
} as const satisfies Record<HostTensor['dtype'], string>;
const DTYPES = new Map(
  Object.entries(NAMES).map(([dtype, name]) => [name as string, dtype as HostTensor['dtype']]),
);
const BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  U8: 1,
  BOOL: 1,
};
const LENGTH_BYTES = 8;

/**
 * Writes tensors under their names, whole or not at all.
 *
 * @example saveTensors('weights.safetensors', { w: fromArray([[1, 2], [3, 4]]) });
 * @throws SrwmError TENSOR_FILE when the file cannot be written.
 */
export function saveTensors(file: string, tensors: Readonly<Record<string, HostTensor>>): void {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
      const start = end;
      end += data.byteLength;
      return [name, { dtype: NAMES[dtype], shape, data_offsets: [start, end] }];
    }),
  );
  const json = JSON.stringify(header);
  // The data begins at a multiple of eight bytes; the format fills up with spaces.
  const text = Buffer.from(
    json.padEnd(json.length + ((LENGTH_BYTES - (Buffer.byteLength(json) % LENGTH_BYTES)) % LENGTH_BYTES)),
  );
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(text.length));
  try {
    writeWhole(file, Buffer.concat([length, text, ...Object.values(tensors).map(({ data }) => data)]));
  } catch (cause) {
    throw new SrwmError(
      'TENSOR_FILE',
      `saveTensors: "${file}" must be writable, got ${(cause as Error).message}.`,
      { cause },
    );
  }
}

/**
 * Reads every tensor of a file, by name.
 *
 * @example const { w } = loadTensors('weights.safetensors');
 * @throws SrwmError TENSOR_FILE when it is missing, cut short, or no safetensors file.
 */
export function loadTensors(file: string): Readonly<Record<string, HostArray>> {
  const bytes = read(file);
  const length = bytes.length < LENGTH_BYTES ? -1 : Number(bytes.readBigUInt64LE());
  if (length < 0 || LENGTH_BYTES + length > bytes.length) refuse(file, 'its header is cut short');
  const start = LENGTH_BYTES + length;
  const { __metadata__: _, ...header } = parse(file, bytes.toString('utf8', LENGTH_BYTES, start));
  return Object.fromEntries(
    Object.entries(header).map(([name, entry]) => [name, tensorOf(file, name, entry, bytes.subarray(start))]),
  );
}

function tensorOf(file: string, name: string, entry: unknown, data: Buffer): HostArray {
  const { dtype: word, shape, data_offsets: offsets } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const dtype = DTYPES.get(String(word));
  if (dtype === undefined) refuse(file, `"${name}" has the dtype ${String(word)}, which srwm does not know`);
  const [from, to] = Array.isArray(offsets) ? (offsets as number[]) : [];
  const sizes = Array.isArray(shape) ? (shape as number[]) : [-1];
  const size = sizes.reduce((product, dim) => product * dim, BYTES[String(word)] ?? 1);
  if (from === undefined || to === undefined || from < 0 || to > data.length || to - from !== size)
    refuse(file, `the bytes of "${name}" do not fit ${String(word)} [${sizes.join(', ')}]`);
  return new HostArray({ dtype, shape: sizes, data: Uint8Array.from(data.subarray(from, to)) });
}

function parse(file: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const header = JSON.parse(text) as unknown;
    if (typeof header === 'object' && header !== null) return header as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  return refuse(file, 'its header is no JSON object');
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    return refuse(file, (cause as Error).message);
  }
}

function refuse(file: string, why: string): never {
  throw new SrwmError('TENSOR_FILE', `loadTensors: "${file}" must be a whole safetensors file, but ${why}.`);
}
