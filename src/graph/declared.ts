/** What authors declare by hand: shapes, dtypes, names. The type checker sees most faults; JavaScript and `any` hide them. */
import { DTYPES, type Dtype } from './dtype.ts';
import { GraphError } from './errors.ts';
import type { CallSite } from './location.ts';
import { Tensor } from './tensor.ts';

/** @throws GraphError GRAPH_SHAPE unless `shape` is a list of whole numbers from 0. */
export function requireShape(
  who: string,
  shape: unknown,
  site: () => CallSite,
): asserts shape is readonly number[] {
  const isSize = (size: unknown): boolean => Number.isSafeInteger(size) && (size as number) >= 0;
  if (Array.isArray(shape) && shape.every(isSize)) return;
  throw new GraphError(
    'GRAPH_SHAPE',
    `${who}: its shape must be a list of whole numbers from 0, got ${shown(shape)}.`,
    'Give the size of each dimension, as in [32, 64]; [] is a scalar.',
    site(),
  );
}

/** @throws GraphError GRAPH_DTYPE unless `dtype` is one that tensors can have. */
export function requireDtype(who: string, dtype: unknown, site: () => CallSite): asserts dtype is Dtype {
  if ((DTYPES as readonly unknown[]).includes(dtype)) return;
  throw new GraphError(
    'GRAPH_DTYPE',
    `${who}: its dtype must be of ${DTYPES.join(', ')}; got ${shown(dtype)}.`,
    'Name one of them.',
    site(),
  );
}

/** @throws GraphError GRAPH_NAME unless `name` is text that can stand in paths: letters, digits, "-", "_" and "/". */
export function requireName(who: string, name: unknown, site: () => CallSite): void {
  if (typeof name === 'string' && /^[A-Za-z0-9_][\w./-]*$/.test(name)) return;
  throw new GraphError(
    'GRAPH_NAME',
    `${who}: its name must be letters, digits, "-", "_", "." and "/", got ${shown(name)}.`,
    'Choose a name like "dense".',
    site(),
  );
}

/** A value as an error quotes it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Tensor) return 'a tensor';
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null)
    return `an object with ${Object.keys(value).join(', ') || 'no keys'}`;
  return String(value);
}
