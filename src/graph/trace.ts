/**
 * The tracer: runs an author's function once with symbolic tensors and records every operation.
 *
 * A trace is the only mutable state. `emit` is its one door: it applies the op table's rules, turns their faults
 * into errors with the author's line, and remembers the call site unread.
 */
import type { Attribute, GraphSpec, ValueSpec } from '../../bridge/protocol/graph-spec.ts';
import { shown } from './declared.ts';
import { GraphError, RuleFault, type GraphCode } from './errors.ts';
import { BODY_FRAME_LIMIT, captureCallSite, describeCallSite, type CallSite } from './location.ts';
import type { Attributes, OpDefinition } from './ops/definition.ts';
import { opTable, type AttributesOf, type OpName } from './ops/table.ts';
import { formatShape, sizeOf } from './shape.ts';
import { Tensor } from './tensor.ts';

export interface TracedNode {
  readonly op: OpName;
  readonly inputs: readonly Tensor[];
  readonly attrs: Readonly<Record<string, Attribute>>;
  readonly results: readonly Tensor[];
  readonly site: CallSite;
  readonly scope: string;
  readonly body: GraphSpec | null;
}

/** How a parameter starts: a traced function of a random key. */
export type Initializer = (shape: readonly number[], key: Tensor) => Tensor;

/** A parameter as a graph declares it: its full name, its tensor, how it starts, and the line. */
export interface ParameterDeclaration {
  readonly tensor: Tensor;
  readonly name: string;
  readonly initializer: Initializer;
  readonly site: CallSite;
}

/** `print` and `watch` say what a tensor holds, `finite` requires something of it. */
export type ProbeKind = 'print' | 'watch' | 'finite';

/** A tensor that somebody looks at while the graph runs. */
export interface Probe {
  readonly kind: ProbeKind;
  readonly name: string;
  readonly every: number;
  readonly tensor: Tensor;
  readonly site: CallSite;
  /** Whether dimension 0 counts the steps of a scan that the probe lies in. */
  readonly isStacked: boolean;
  /** Scalars about the tensor; none in a body, which hands the tensor itself out. */
  readonly statistics: Readonly<Record<string, Tensor>>;
}

/** One running trace. A scan body is a trace of its own whose parameters belong to the outermost one. */
export class Trace {
  readonly name: string;
  readonly parent: Trace | null;
  readonly inputs: Tensor[] = [];
  readonly nodes: TracedNode[] = [];
  readonly parameters = new Map<string, ParameterDeclaration>();
  readonly scopes: string[] = [];
  readonly probes: Probe[] = [];
  ended = false;

  constructor(name: string, parent: Trace | null) {
    this.name = name;
    this.parent = parent;
  }

  get root(): Trace {
    return this.parent === null ? this : this.parent.root;
  }

  get scope(): string {
    return [...(this.parent === null ? [] : [this.parent.scope]), ...this.scopes]
      .filter((s) => s !== '')
      .join('/');
  }
}

/** A loop that never ends is stopped here; the largest real graphs have some thousands. */
const MOST_NODES = 100_000;

let current: Trace | null = null;

/** Runs `body` with `trace` as the current one; restores the former even when it throws. */
export function within<R>(trace: Trace, body: () => R): R {
  const former = current;
  current = trace;
  try {
    return body();
  } finally {
    current = former;
    trace.ended = true;
  }
}

export function currentTrace(who: string, site: CallSite): Trace {
  if (current === null) {
    throw new GraphError(
      'GRAPH_TRACE',
      `${who}: works only inside a traced function, and none is being traced.`,
      'Call it inside the function that you pass to trace(), policy() or objective().',
      site,
    );
  }
  return current;
}

export function activeTrace(): Trace | null {
  return current;
}

export function addInput(trace: Trace, name: string, spec: ValueSpec, site: CallSite): Tensor {
  const tensor = new Tensor(trace, [...spec.shape], spec.dtype, { kind: 'input', name, site });
  trace.inputs.push(tensor);
  return tensor;
}

/** Records one operation and returns its results. */
export function emitAll<K extends OpName>(
  op: K,
  inputs: readonly Tensor[],
  attrs: AttributesOf<K>,
  body: GraphSpec | null = null,
): readonly Tensor[] {
  const site = captureCallSite(emitAll, body === null ? undefined : BODY_FRAME_LIMIT);
  const trace = currentTrace(shortName(op), site);
  for (const input of inputs) requireOwn(op, input, trace, site);
  if (trace.nodes.length >= MOST_NODES) {
    throw new GraphError(
      'GRAPH_TOO_LARGE',
      `${shortName(op)}: a graph must have at most ${MOST_NODES} operations, and "${trace.name}" has reached them.`,
      'Write the loop with scan: its body is traced once.',
      site,
    );
  }
  const definition = opTable[op] as unknown as OpDefinition<Attributes>;
  const specs = applyRules(op, definition, inputs, attrs, body, site);
  const results = specs.map(
    (spec, index) => new Tensor(trace, spec.shape, spec.dtype, { kind: 'result', op, index, site }),
  );
  // Copied: an author's list may change later.
  trace.nodes.push({
    op,
    inputs: [...inputs],
    attrs: copyOf(attrs),
    results,
    site,
    scope: trace.scope,
    body,
  });
  return results;
}

function copyOf(attrs: Attributes): Attributes {
  const copy: Record<string, Attribute> = {};
  for (const name in attrs) {
    const value = attrs[name] as Attribute;
    copy[name] = Array.isArray(value) ? ([...value] as Attribute) : value;
  }
  return copy;
}

/** `emitAll` for operations with one result. */
export function emit<K extends OpName>(op: K, inputs: readonly Tensor[], attrs: AttributesOf<K>): Tensor {
  return emitAll(op, inputs, attrs)[0] as Tensor;
}

function applyRules(
  op: string,
  definition: OpDefinition<Attributes>,
  inputs: readonly Tensor[],
  attrs: Attributes,
  body: GraphSpec | null,
  site: CallSite,
): ValueSpec[] {
  try {
    const shapes = definition.shape(inputs, attrs, body);
    const dtypes = definition.dtype(inputs, attrs, body);
    for (const shape of shapes) requireRoom(shape);
    return shapes.map((shape, index) => ({ shape, dtype: dtypes[index] ?? 'float32' }));
  } catch (fault) {
    if (!(fault instanceof RuleFault)) throw fault;
    const operands = inputs.map(
      (tensor) => `\n    ${formatShape(tensor.shape)} ${tensor.dtype} is ${describeOrigin(tensor)}`,
    );
    throw new GraphError(
      fault.code,
      `${shortName(op)}: ${fault.message}${operands.join('')}`,
      remedyOf(fault.code),
      site,
    );
  }
}

/** No machine holds a tensor of more elements: such a shape is a slip of broadcasting. */
const MOST_ELEMENTS = 2 ** 40;

function requireRoom(shape: readonly number[]): void {
  if (sizeOf(shape) > MOST_ELEMENTS) {
    throw new RuleFault(
      'GRAPH_TOO_LARGE',
      `a result must have at most 2^40 elements, got ${formatShape(shape)}`,
    );
  }
}

/** `aten.max_pool2d.default` is `max_pool2d` to its author. */
export function shortName(op: string): string {
  return (op.split('.')[1] ?? op).replace(/^_/, '');
}

function remedyOf(code: GraphCode): string {
  if (code === 'GRAPH_SHAPE')
    return 'Reshape, transpose or broadcast one of the inputs so that the shapes fit.';
  if (code === 'GRAPH_TOO_LARGE') return 'Reduce before you broadcast, or compute it in parts.';
  if (code === 'GRAPH_DTYPE') return 'Cast the input with .to(dtype).';
  return 'Mend the argument.';
}

export function describeOrigin(tensor: Tensor): string {
  const { origin } = tensor;
  if (origin.kind === 'input') return `input "${origin.name}"`;
  if (origin.kind === 'parameter')
    return `parameter "${origin.name}", declared at ${describeCallSite(origin.site)}`;
  return `the result of ${shortName(origin.op)} at ${describeCallSite(origin.site)}`;
}

function remedyOfCapture(trace: Trace): string {
  if (trace.parent === null) return 'Make it an input of the traced function.';
  return trace.name.endsWith('.checkpoint')
    ? 'Pass it to checkpoint in its inputs.'
    : 'Pass it to scan in `constants`.';
}

/** Narrows an operand of which at least one must be a tensor. */
export function requireTensor(operand: Tensor | number, who: string): Tensor {
  if (typeof operand !== 'number') return operand;
  throw new GraphError(
    'GRAPH_TRACE',
    `${who}: one operand must be a tensor, got two numbers.`,
    'Compute it in TypeScript.',
    captureCallSite(requireTensor),
  );
}

/** A tensor of another trace, or of one that has ended, is refused: its graph would miss the value. */
export function requireOwn(op: string, input: Tensor, trace: Trace, site: CallSite): void {
  if (!(input instanceof Tensor)) {
    throw new GraphError(
      'GRAPH_TRACE',
      `${shortName(op)}: every input must be a tensor of this trace, got ${shown(input)}.`,
      'Pass a traced tensor, or a number where the operation takes one.',
      site,
    );
  }
  if (input.trace === trace) return;
  if (input.origin.kind === 'parameter' && input.trace === trace.root) return;
  const why = input.trace.ended ? 'of a trace that has ended' : 'captured from the enclosing trace';
  throw new GraphError(
    'GRAPH_CAPTURE',
    `${shortName(op)}: every input must belong to the trace of "${trace.name}", got a tensor ${why} (${describeOrigin(input)}).`,
    remedyOfCapture(trace),
    site,
  );
}
