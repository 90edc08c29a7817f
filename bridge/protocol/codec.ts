/** MessagePack headers. Everything that would reach Python as something else is refused here. */
import { Packr, type Options } from 'msgpackr';
import { SrwmError } from './errors.ts';

// Each option mends a measured fault: private record extensions, undefined as an extension,
// 3-byte headers for small maps, and BigInt for every 64-bit number.
const options = { useRecords: false, encodeUndefinedAsNil: true, variableMapSize: true, int64AsType: 'auto' };
// msgpackr's own type lacks int64AsType "auto", which its documentation and code have.
const packr = new Packr(options as Options);

const MAX_DEPTH = 64;

/** One header as bytes. Throws PROTOCOL_VALUE, naming the path, for what MessagePack would garble. */
export function encodeHeader(header: object): Buffer {
  return packr.pack(needsBigInt(header, '$', 0) ? withBigInt(header) : header);
}

/** The value of a received header. Throws PROTOCOL_HEADER for bytes that are not MessagePack. */
export function decodeHeader(bytes: Buffer): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new SrwmError(
      'PROTOCOL_HEADER',
      `message: header must be MessagePack, got ${bytes.length} other bytes.`,
      {
        cause,
      },
    );
  }
}

/**
 * Refuses values that change on the way; true when an integer past 32 bits occurs,
 * which msgpackr would send as a float.
 */
function needsBigInt(value: unknown, path: string, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return false;
    case 'number':
      return Number.isInteger(value) && (value > 0xffffffff || value < -0x80000000);
    case 'bigint':
      if (value >= -(2n ** 63n) && value < 2n ** 64n) return false;
      throw refused(path, `a BigInt outside 64 bits (${value})`);
    case 'object':
      return value !== null && objectNeedsBigInt(value, path, depth);
    default:
      throw refused(path, `a ${typeof value}`);
  }
}

function objectNeedsBigInt(value: object, path: string, depth: number): boolean {
  if (depth > MAX_DEPTH) throw refused(path, `more than ${MAX_DEPTH} levels`);
  let found = false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      if (needsBigInt(value[index], path, depth + 1)) found = true;
    }
    return found;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(path, `an instance of ${value.constructor.name}`);
  }
  for (const key in value) {
    if (key === '__proto__') throw refused(path, 'the key "__proto__"');
    const item = (value as Record<string, unknown>)[key];
    if (needsBigInt(item, `${path}.${key}`, depth + 1)) found = true;
  }
  return found;
}

function refused(path: string, got: string): SrwmError {
  return new SrwmError('PROTOCOL_VALUE', `message: ${path} must be a plain value, got ${got}.`);
}

function withBigInt(value: unknown): unknown {
  if (typeof value === 'number') {
    // Past 2^53 a number is no exact integer: it stays a float.
    const isWide = Number.isSafeInteger(value) && (value > 0xffffffff || value < -0x80000000);
    return isWide ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map(withBigInt);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withBigInt(item)]));
}
