/** What travels between a script and a colleague's Python: strict JSON, with every float told exactly. */
import { SrwmError } from '../../bridge/protocol/errors.ts';

/** Numbers, text, lists and plain objects. A whole number arrives in Python as an int, any other as a float. */
export type PythonValue =
  null | boolean | number | string | readonly PythonValue[] | { readonly [key: string]: PythonValue };

/** How much may travel in one call, in each direction: beyond it, tensors and files are the way. */
export const LIMITS = { values: 16_384, characters: 1_048_576 } as const;

const DEEPEST = 64;
const USE_TENSORS =
  'Keep arrays in the worker as tensors (hostTensor, openSession), or write them to a file and pass its path.';

export interface Encoded {
  readonly arguments: readonly unknown[];
  readonly keywords: Readonly<Record<string, unknown>>;
  /** Whether Python must look for tags. */
  readonly tagged: boolean;
}

/**
 * Returns what JSON.stringify may write. Floats that JSON or Python would change (NaN, the infinities, -0, whole
 * numbers beyond 2**53) become `{"$float": text}`; a caller's key that starts with $ gets one more.
 *
 * @throws SrwmError PYTHON_VALUE, PYTHON_SIZE: with the place of the value and what to send instead.
 */
export function encode(
  positional: readonly unknown[],
  named: Readonly<Record<string, unknown>>,
  call: string,
): Encoded {
  const encoder = new Encoder(call);
  return {
    arguments: positional.map((value, index) => encoder.encode(value, `argument ${index + 1}`, 0)),
    keywords: Object.fromEntries(
      Object.entries(named).map(([name, value]) => [name, encoder.encode(value, `keyword ${name}`, 0)]),
    ),
    tagged: encoder.tagged,
  };
}

class Encoder {
  tagged = false;
  readonly #call: string;
  #values = 0;
  #characters = 0;

  constructor(call: string) {
    this.#call = call;
  }

  encode(value: unknown, at: string, depth: number): unknown {
    this.#count(1, 0);
    switch (typeof value) {
      case 'boolean':
        return value;
      case 'string':
        this.#count(0, value.length);
        return value;
      case 'number':
        return this.#number(value);
      case 'object':
        return value === null ? null : this.#object(value, at, depth);
      case 'undefined':
        throw this.#refuse(at, 'undefined', 'Leave it out, or write null for None.');
      case 'bigint':
        throw this.#refuse(
          at,
          'a BigInt',
          'Send Number(it) when it is below 2**53, else text, and int(...) there.',
        );
      case 'function':
        throw this.#refuse(at, 'a function', 'Python cannot call back: send the values it needs.');
      case 'symbol':
        throw this.#refuse(at, 'a symbol', 'Send its description as text.');
    }
  }

  #number(value: number): unknown {
    const plain = Number.isFinite(value) && !Object.is(value, -0);
    if (plain && (!Number.isInteger(value) || Number.isSafeInteger(value))) return value;
    this.tagged = true;
    const text = Number.isNaN(value) ? 'nan' : Object.is(value, -0) ? '-0.0' : String(value);
    return { $float: text.replace('Infinity', 'inf') };
  }

  #object(value: object, at: string, depth: number): unknown {
    if (depth === DEEPEST) {
      const root = at.split(/[.[]/, 1)[0] as string;
      throw this.#refuse(root, `one nested deeper than ${DEEPEST}`, 'Does it hold itself? Send it flat.');
    }
    if (Array.isArray(value)) {
      this.#count(value.length, 0);
      this.#values -= value.length;
      // Array.from makes the holes of a sparse array visible.
      return Array.from(value, (item, index) => this.encode(item, `${at}[${index}]`, depth + 1));
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw this.#foreign(value, at);
    const entries = Object.entries(value).map(([key, item]) => {
      this.#count(0, key.length);
      if (key.startsWith('$')) this.tagged = true;
      return [key.startsWith('$') ? `$${key}` : key, this.encode(item, `${at}.${key}`, depth + 1)] as const;
    });
    return Object.fromEntries(entries);
  }

  #foreign(value: object, at: string): SrwmError {
    const name = value.constructor?.name ?? 'object of an unknown class';
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
      return this.#refuse(at, `a ${name}`, USE_TENSORS);
    }
    if (value instanceof Date)
      return this.#refuse(at, 'a Date', 'Send date.toISOString() or date.getTime().');
    if (value instanceof Map) return this.#refuse(at, 'a Map', 'Send Object.fromEntries(map).');
    if (value instanceof Set) return this.#refuse(at, 'a Set', 'Send [...set].');
    if (value instanceof Promise) return this.#refuse(at, 'a Promise', 'Await it first.');
    if (name === 'Tensor')
      return this.#refuse(at, 'a traced Tensor', 'It holds no numbers: compute it first.');
    return this.#refuse(at, `a ${name}`, 'Send a plain object: { ...it } keeps its own fields.');
  }

  #count(values: number, characters: number): void {
    this.#values += values;
    this.#characters += characters;
    const over =
      this.#values > LIMITS.values ? 'values' : this.#characters > LIMITS.characters ? 'characters' : null;
    if (over === null) return;
    const most = LIMITS[over].toLocaleString('en');
    throw new SrwmError(
      'PYTHON_SIZE',
      `python: the arguments of ${this.#call} must hold at most ${most} ${over}, got more.`,
      { remedy: USE_TENSORS },
    );
  }

  #refuse(at: string, what: string, remedy: string): SrwmError {
    return new SrwmError(
      'PYTHON_VALUE',
      `python: ${at} of ${this.#call} must be numbers, text, lists or plain objects, got ${what}.`,
      { remedy },
    );
  }
}

/** Undoes the tags of an answer of Python's, in place where it can. */
export function untag(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untag);
  if (typeof value !== 'object' || value === null) return value;
  if ('$float' in value) return floatOf(String(value.$float));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.startsWith('$') ? key.slice(1) : key, untag(item)]),
  );
}

function floatOf(text: string): number {
  return Number(text.replace('nan', 'NaN').replace('inf', 'Infinity'));
}
