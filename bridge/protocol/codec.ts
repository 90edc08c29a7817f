/** MessagePack headers. Everything that would reach Python as something else is refused here. */
import { Packr, type Options } from 'msgpackr';
import { SrwmError } from './errors.ts';

// Each option mends a measured fault: private record extensions, undefined as an extension,
// 3-byte headers for small maps, and BigInt for every 64-bit number.
const options = { useRecords: false, encodeUndefinedAsNil: true, variableMapSize: true, int64AsType: 'auto' };
// msgpackr's own type lacks int64AsType "auto", which its documentation and code have.
const packr = new Packr(options as Options);

const MAX_DEPTH = 64;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

/** One header as bytes. Throws PROTOCOL_VALUE, naming the path, for what MessagePack would garble. */
export function encodeHeader(header: object): Buffer {
  const verdict = inspect(header, 0);
  if (verdict === 'refused') throw refusal(header, '$', 0);
  return packr.pack(verdict === 'wide' ? withBigInt(header) : header);
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

/** `wide`: an integer past 32 bits occurs, which msgpackr would send as a float. `refused`: something would change. */
type Verdict = 'plain' | 'wide' | 'refused';

/** On the path of every message, so it builds no text; `refusal` says what was wrong. */
function inspect(value: unknown, depth: number): Verdict {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return 'plain';
    case 'number':
      return isWide(value) ? 'wide' : 'plain';
    case 'bigint':
      return value >= MIN_INT64 && value <= MAX_UINT64 ? 'plain' : 'refused';
    case 'object':
      return value === null ? 'plain' : inspectObject(value, depth);
    default:
      return 'refused';
  }
}

function inspectObject(value: object, depth: number): Verdict {
  if (depth > MAX_DEPTH || !isPlain(value)) return 'refused';
  let verdict: Verdict = 'plain';
  if (!Array.isArray(value) && Object.hasOwn(value, '__proto__')) return 'refused';
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    const found = inspect(item, depth + 1);
    if (found === 'refused') return found;
    if (found === 'wide') verdict = found;
  }
  return verdict;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Past 2^53 a number is no exact integer: it stays a float. */
function isWide(value: number): boolean {
  return (value > 0xffffffff || value < -0x80000000) && Number.isSafeInteger(value);
}

/** The error for the first value that `inspect` refused, with its path. */
function refusal(value: unknown, path: string, depth: number): SrwmError {
  if (typeof value === 'object' && value !== null && depth <= MAX_DEPTH && isPlain(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__') return refused(path, 'the key "__proto__"');
      if (inspect(item, depth + 1) === 'refused') return refusal(item, `${path}.${key}`, depth + 1);
    }
  }
  if (depth > MAX_DEPTH) return refused(path, `more than ${MAX_DEPTH} levels`);
  if (typeof value === 'object' && value !== null) return refused(path, `an instance of ${className(value)}`);
  return refused(
    path,
    typeof value === 'bigint' ? `a BigInt outside 64 bits (${value})` : `a ${typeof value}`,
  );
}

function className(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function refused(path: string, got: string): SrwmError {
  return new SrwmError('PROTOCOL_VALUE', `message: ${path} must be a plain value, got ${got}.`);
}

function withBigInt(value: unknown): unknown {
  if (typeof value === 'number') {
    return isWide(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map(withBigInt);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withBigInt(item)]));
}
