/** What every operation must say about itself. Leaving one member out of an entry is a compile error. */
import type { Attribute, Dtype, GraphSpec } from '../../../bridge/protocol/graph-spec.ts';
import { resultType, toFloating } from '../dtype.ts';
import { dtypeFault } from '../errors.ts';
import { broadcast } from '../shape.ts';

export type Attributes = Readonly<Record<string, Attribute>>;
/** Anything with a shape and a dtype: wire specs and traced tensors alike. */
export interface Spec {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}
export type Specs = readonly Spec[];

/** The rules of one operation with attributes `A`. */
export interface OpDefinition<A extends Attributes> {
  /** Shapes of the results; throws a RuleFault that names what is wrong. `body` is set for `scan` only. */
  readonly shape: (inputs: Specs, attrs: A, body: GraphSpec | null) => number[][];
  /** Dtypes of the results. */
  readonly dtype: (inputs: Specs, attrs: A, body: GraphSpec | null) => Dtype[];
  /** The call in the graph's text form, given the names of the inputs. */
  readonly print: (inputs: readonly string[], attrs: A) => string;
}

export type NoAttributes = Readonly<Record<never, never>>;
export type ScalarAttributes = Readonly<{ other: number }>;

export function define<A extends Attributes = NoAttributes>(definition: OpDefinition<A>): OpDefinition<A> {
  return definition;
}

/** `name(a, b, key=value)`, the default printer. */
export function call(name: string): (inputs: readonly string[], attrs: Attributes) => string {
  return (inputs, attrs) => {
    const settings = Object.entries(attrs).map(([key, value]) => `${key}=${formatAttribute(value)}`);
    return `${name}(${[...inputs, ...settings].join(', ')})`;
  };
}

export function formatAttribute(value: Attribute): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'string' ? value : String(value);
}

export function inputAt(inputs: Specs, index: number): Spec {
  const spec = inputs[index];
  if (spec === undefined) throw new Error(`internal: operation has no input ${index}`);
  return spec;
}

export function requireFloating(what: string, spec: Spec): void {
  if (toFloating(spec.dtype) !== spec.dtype) dtypeFault(`${what} must be floating, got ${spec.dtype}`);
}

/** Some of PyTorch's operations are not defined for bool. */
export function requireNumber(what: string, spec: Spec): void {
  if (spec.dtype === 'bool' || spec.dtype === 'key')
    dtypeFault(`${what} must be a number, got ${spec.dtype}`);
}

export function requireDtype(what: string, spec: Spec, dtype: Dtype): void {
  if (spec.dtype !== dtype) dtypeFault(`${what} must be ${dtype}, got ${spec.dtype}`);
}

export function requireOneDtype(inputs: Specs): Dtype {
  const first = inputAt(inputs, 0).dtype;
  const other = inputs.find((spec) => spec.dtype !== first);
  if (other !== undefined) dtypeFault(`inputs must have one dtype, got ${first} and ${other.dtype}`);
  return first;
}

/** What a recurrence keeps its state and its slow weights in, beside inputs of `dtype`: half precision would lose it. */
export const stateDtype = (dtype: Dtype): Dtype => (dtype === 'float64' ? dtype : 'float32');

type DtypeRule = (inputs: Specs) => Dtype[];

export const sameDtype: DtypeRule = (inputs) => {
  const { dtype } = inputAt(inputs, 0);
  if (dtype === 'key') dtypeFault('a random key is no tensor; only random ops take it');
  return [dtype];
};
export const floatingDtype: DtypeRule = (inputs) => [toFloating(inputAt(inputs, 0).dtype)];
export const boolDtype: DtypeRule = (inputs) => (sameDtype(inputs), ['bool']);
export const promoted: DtypeRule = (inputs) => [resultType(inputs)];

/** An elementwise op over broadcast tensors. */
export function elementwise(name: string, dtype: DtypeRule = promoted): OpDefinition<NoAttributes> {
  return define({
    shape: (inputs) => [broadcast(inputs.map((spec) => spec.shape))],
    dtype,
    print: call(name),
  });
}

/** An elementwise op between a tensor and a number. */
export function withScalar(
  name: string,
  dtype: (inputs: Specs, other: number) => Dtype = (inputs, other) => resultType([inputAt(inputs, 0), other]),
): OpDefinition<ScalarAttributes> {
  return define<ScalarAttributes>({
    shape: (inputs) => [[...inputAt(inputs, 0).shape]],
    dtype: (inputs, attrs) => [dtype(inputs, attrs.other)],
    print: (inputs, attrs) => `${name}(${inputs[0]}, ${attrs.other})`,
  });
}
