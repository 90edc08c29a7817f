/** Checks a GraphSpec from scratch: known ops, values defined before use, shapes and dtypes as the rules say. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { GraphSpec, NodeSpec, ValueSpec } from '../../bridge/protocol/graph-spec.ts';
import { RuleFault } from './errors.ts';
import type { Attributes, OpDefinition } from './ops/definition.ts';
import { opTable } from './ops/table.ts';
import { formatSpec } from './spec-format.ts';

/** @throws SrwmError GRAPH_INVALID naming the first node that breaks a rule. */
export function verify(graph: GraphSpec): void {
  verifyWithin(graph, []);
}

/** `around`: the graphs whose bodies lead here, so that one that holds itself is noticed. */
function verifyWithin(graph: GraphSpec, around: readonly GraphSpec[]): void {
  if (around.includes(graph)) invalid(graph, 'it is the body of one of its own nodes');
  const values: ValueSpec[] = [...graph.inputs, ...graph.parameters];
  requireDistinct(
    graph,
    'input or parameter',
    values.map((value) => ('name' in value ? String(value.name) : '')),
  );
  graph.nodes.forEach((node, index) => {
    const inputs = node.inputs.map((value) => {
      const spec = values[value];
      if (spec === undefined)
        invalid(graph, `node ${index} (${node.op}) reads value ${value} before it exists`);
      return spec;
    });
    if (node.body !== null) verifyWithin(node.body, [...around, graph]);
    checkNode(graph, node, index, inputs);
    if (graph.locs[node.loc] === undefined)
      invalid(graph, `node ${index} (${node.op}) has no location ${node.loc}`);
    values.push(...node.results);
  });
  requireDistinct(
    graph,
    'output',
    graph.outputs.map(({ name }) => name),
  );
  for (const { name, value } of graph.outputs) {
    if (values[value] === undefined)
      invalid(graph, `output "${name}" names value ${value}, which does not exist`);
  }
}

function checkNode(graph: GraphSpec, node: NodeSpec, index: number, inputs: ValueSpec[]): void {
  if (!Object.hasOwn(opTable, node.op))
    invalid(graph, `node ${index} has the unknown operation "${node.op}"`);
  const definition = opTable[node.op as keyof typeof opTable] as unknown as OpDefinition<Attributes>;
  try {
    const shapes = definition.shape(inputs, node.attrs, node.body);
    const dtypes = definition.dtype(inputs, node.attrs, node.body);
    const expected = shapes
      .map((shape, i) => formatSpec({ shape, dtype: dtypes[i] ?? 'float32' }))
      .join(', ');
    const stated = node.results.map(formatSpec).join(', ');
    if (expected !== stated)
      invalid(graph, `node ${index} (${node.op}) states ${stated}, its rules give ${expected}`);
  } catch (fault) {
    if (fault instanceof RuleFault) invalid(graph, `node ${index} (${node.op}): ${fault.message}`);
    throw fault;
  }
}

function requireDistinct(graph: GraphSpec, what: string, names: readonly string[]): void {
  if (new Set(names).size === names.length) return;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) invalid(graph, `two values share the ${what} name "${twice}"`);
}

function invalid(graph: GraphSpec, message: string): never {
  throw new SrwmError('GRAPH_INVALID', `graph "${graph.name}": ${message}.`, {
    remedy: 'Build graphs with trace(); do not edit them.',
  });
}
