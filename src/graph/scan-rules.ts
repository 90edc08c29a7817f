/** Shape and dtype rules of `scan`, from the graph of its body. */
import type { Dtype, GraphSpec } from '../../bridge/protocol/graph-spec.ts';
import { dtypeFault, shapeFault } from './errors.ts';
import { define, formatAttribute, inputAt, type Spec, type Specs } from './ops/definition.ts';
import { formatShape } from './shape.ts';
import { valueSpecs } from './values.ts';

/** Inputs of a scan node: [carries, xs with a leading T, constants, parameters]; results: [final carries, stacked ys]. */
export type ScanAttributes = Readonly<{
  length: number;
  num_carry: number;
  num_xs: number;
  num_constants: number;
  reverse: boolean;
}>;

export const scanOps = {
  'srwm.scan': define<ScanAttributes>({
    shape: (inputs, attrs, body) => scanResults(inputs, attrs, body).map((spec) => [...spec.shape]),
    dtype: (inputs, attrs, body) => scanResults(inputs, attrs, body).map((spec) => spec.dtype),
    print: (inputs, attrs) =>
      `scan(${inputs.join(', ')}) ${Object.entries(attrs)
        .map(([key, value]) => `${key}=${formatAttribute(value)}`)
        .join(' ')}`,
  }),
};

function scanResults(inputs: Specs, attrs: ScanAttributes, body: GraphSpec | null): Spec[] {
  if (body === null) throw new Error('internal: scan without a body');
  const values = valueSpecs(body);
  const results = body.outputs.map(({ value }) => inputAt(values, value));
  const carries = results.slice(0, attrs.num_carry);
  carries.forEach((spec, i) => requireSame(`carry "${body.outputs[i]?.name}"`, spec, inputAt(inputs, i)));
  for (let i = 0; i < attrs.num_xs; i++) {
    const { shape } = inputAt(inputs, attrs.num_carry + i);
    if (shape[0] !== attrs.length) {
      shapeFault(`every x must have ${attrs.length} steps in dimension 0, got ${formatShape(shape)}`);
    }
  }
  const stacked = results.slice(attrs.num_carry).map(({ shape, dtype }) => ({
    shape: [attrs.length, ...shape],
    dtype,
  }));
  return [...carries, ...stacked];
}

function requireSame(what: string, after: Spec, before: Spec): void {
  if (formatShape(after.shape) !== formatShape(before.shape)) {
    shapeFault(
      `${what} must keep its shape ${formatShape(before.shape)}, the body returns ${formatShape(after.shape)}`,
    );
  }
  const dtypes: [Dtype, Dtype] = [before.dtype, after.dtype];
  if (dtypes[0] !== dtypes[1]) dtypeFault(`${what} must stay ${dtypes[0]}, the body returns ${dtypes[1]}`);
}
