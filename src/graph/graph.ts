/** `trace`: a TypeScript function in, a checked, printable, hashed graph out. */
import type { Dtype, GraphSpec, ValueSpec } from '../../bridge/protocol/graph-spec.ts';
import { describeProbe, withProbes, type GraphProbe } from './debug.ts';
import { requireDtype, requireShape, shown } from './declared.ts';
import type { Dims, DimsOfSizes, Sizes } from './dims.ts';
import { GraphError } from './errors.ts';
import { finish } from './finish.ts';
import { hashGraph } from './hash.ts';
import { captureCallSite, describeCallSite, type CallSite } from './location.ts';
import { printGraph } from './print.ts';
import { Tensor } from './tensor.ts';
import { addInput, Trace, within, type ParameterDeclaration } from './trace.ts';
import { verify } from './verify.ts';

/** A traced program with concrete shapes; `I` and `O` are the names and shapes of what goes in and comes out. */
export interface Graph<out I extends InputSpecs = InputSpecs, out O extends Outputs = Outputs> {
  readonly name: string;
  readonly spec: GraphSpec;
  /** Equal for equal programs, whatever their lines, names of scopes or order of declaration. */
  readonly hash: string;
  /** Every parameter declared while tracing, also those that no output needs. */
  readonly declarations: readonly ParameterDeclaration[];
  /** What `debug` looks at; their outputs `debug/...` come behind those of the program. */
  readonly probes: readonly GraphProbe[];
  /** One sentence for each parameter that was declared and that no output needs, with the line of its declaration. */
  readonly warnings: readonly string[];
  /** The stable text form. */
  text(): string;
  /** Types only; never set. */
  readonly '~types'?: { readonly inputs: I; readonly outputs: O };
}

/** Shape and dtype of a graph input, for the type checker as well. */
export interface TensorSpec<S extends Dims = Dims, D extends ValueSpec['dtype'] = ValueSpec['dtype']> {
  readonly shape: number[];
  readonly dtype: D;
  /** Types only; never set. */
  readonly '~dims'?: S;
}

/** Shapes and dtypes of the inputs of a traced program, by name. */
export type InputSpecs = Readonly<Record<string, ValueSpec>>;
/** The symbolic tensors that a traced program is given, with the dimensions of their specs. */
export type Inputs<I extends InputSpecs> = {
  readonly [K in keyof I]: I[K] extends { readonly '~dims'?: infer S extends Dims } ? Tensor<S> : Tensor;
};
/** What a traced program returns: tensors by name. */
export type Outputs = Readonly<Record<string, Tensor>>;

/**
 * Runs `program` once with symbolic inputs and returns its graph.
 *
 * @example trace('double', { x: tensorSpec([2, 3]) }, ({ x }) => ({ y: x.mul(2) }))
 * @throws GraphError with the author's line when a shape, a dtype or an argument does not fit.
 */
export function trace<const I extends InputSpecs, O extends Outputs>(
  name: string,
  inputs: I,
  program: (inputs: Inputs<I>) => O,
): Graph<I, O> {
  const site = captureCallSite(trace);
  for (const [key, spec] of Object.entries(inputs)) requireSpec(`${name}: input "${key}"`, spec, site);
  const running = new Trace(name, null);
  const outputs = within(running, () => {
    const tensors = Object.entries(inputs).map(
      ([key, spec]) => [key, addInput(running, key, spec, site)] as const,
    );
    const made = checkOutputs(name, program(Object.fromEntries(tensors) as Inputs<I>), running, site);
    return running.probes.length === 0 ? made : withProbes(running, made);
  });
  const spec = finish(running, outputs);
  verify(spec);
  return {
    name,
    spec,
    hash: hashGraph(spec),
    declarations: [...running.parameters.values()],
    probes: running.probes.map(describeProbe),
    get warnings() {
      return unusedParameters(this);
    },
    text: () => printGraph(spec),
  };
}

function unusedParameters({ name, spec, declarations }: Graph): readonly string[] {
  const used = new Set(spec.parameters.map((parameter) => parameter.name));
  return declarations
    .filter((declaration) => !used.has(declaration.name))
    .map(
      ({ name: parameter, site }) =>
        `graph "${name}": no output needs parameter "${parameter}", declared at ${describeCallSite(site)}.`,
    );
}

/**
 * Shape and dtype of a graph input; float32 unless said otherwise.
 *
 * @example trace('mean', { x: tensorSpec([4, 8]) }, ({ x }) => ({ y: x.mean() }))
 * @throws GraphError GRAPH_SHAPE when a size is no whole number from 0, GRAPH_DTYPE when there is no such dtype.
 */
export function tensorSpec<const S extends Sizes, D extends Dtype = 'float32'>(
  shape: S,
  dtype: D = 'float32' as D,
): TensorSpec<DimsOfSizes<S>, D> {
  const site = () => captureCallSite(tensorSpec);
  const numbers: unknown = Array.isArray(shape) ? shape.map(sizeOfDim) : shape;
  requireShape('tensorSpec', numbers, site);
  requireDtype('tensorSpec', dtype, site);
  return { shape: [...numbers], dtype };
}

function sizeOfDim(size: unknown): unknown {
  return typeof size === 'object' && size !== null && 'size' in size ? size.size : size;
}

/** What stands for an input came from `tensorSpec`, or looks as if it had. */
function requireSpec(who: string, spec: unknown, site: CallSite): void {
  if (typeof spec !== 'object' || spec === null)
    refuse(`${who} must be a spec, got ${shown(spec)}`, 'Write tensorSpec([4, 8]), or keySpec.', site);
  const { shape, dtype } = spec as Readonly<Record<string, unknown>>;
  requireShape(who, shape, () => site);
  if (dtype !== 'key') requireDtype(who, dtype, () => site);
}

/** A random key as graph input: what `randomNormal` and `randomUniform` take. */
export const keySpec: TensorSpec<[], 'key'> = { shape: [], dtype: 'key' };

/** An async function has returned a promise: what it did after its first await was never traced. */
export function refuseAsync(name: string, result: unknown, site: CallSite): void {
  if (result instanceof Promise) {
    result.catch(() => undefined);
    refuse(
      `${name}: a traced function must not be async`,
      'Leave out async and await: tracing is synchronous.',
      site,
    );
  }
}

export function checkOutputs(
  name: string,
  result: unknown,
  trace: Trace,
  site: CallSite,
): Map<string, Tensor> {
  refuseAsync(name, result, site);
  const isRecord =
    typeof result === 'object' && result !== null && !Array.isArray(result) && !(result instanceof Tensor);
  if (!isRecord)
    refuse(
      `${name}: a traced function must return a record of named tensors`,
      'Write return { name: tensor }.',
      site,
    );
  const entries = Object.entries(result as Record<string, unknown>);
  if (entries.length === 0)
    refuse(`${name}: at least one output is required`, 'Return { name: tensor }.', site);
  return new Map(
    entries.map(([key, value]) => {
      if (!(value instanceof Tensor)) {
        return refuse(
          `${name}: output "${key}" must be a tensor, got ${typeof value}`,
          'Return traced tensors only.',
          site,
        );
      }
      const own = value.trace === trace || (value.origin.kind === 'parameter' && value.trace === trace.root);
      if (!own)
        refuse(
          `${name}: output "${key}" is a tensor of another trace`,
          'Return values of this trace only.',
          site,
        );
      return [key, value];
    }),
  );
}

function refuse(message: string, remedy: string, site: CallSite): never {
  throw new GraphError('GRAPH_TRACE', `${message}.`, remedy, site);
}
