/** The canonical hash of a graph: the key of the worker's cache and part of a run's identity. */
import { createHash } from 'node:crypto';
import type { Attribute, GraphSpec } from '../../bridge/protocol/graph-spec.ts';

export function hashGraph(graph: GraphSpec): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(graph)))
    .digest('hex')
    .slice(0, 32);
}

/** Without lines, scopes and the graph's own name; attributes in key order. */
function canonical(graph: GraphSpec): unknown {
  return {
    version: graph.version,
    inputs: graph.inputs.map(({ name, shape, dtype }) => [name, shape, dtype]),
    parameters: graph.parameters.map(({ name, shape, dtype }) => [name, shape, dtype]),
    nodes: graph.nodes.map(({ op, inputs, attrs, body }) => [
      op,
      inputs,
      Object.entries(attrs)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, exactly(value)]),
      body === null ? null : canonical(body),
    ]),
    outputs: graph.outputs.map(({ name, value }) => [name, value]),
  };
}

function exactly(value: Attribute): unknown {
  if (typeof value === 'number') return exact(value);
  return Array.isArray(value) ? value.map((item) => (typeof item === 'number' ? exact(item) : item)) : value;
}

/** JSON knows no -0, NaN and infinities. */
function exact(value: number): number | string {
  return Object.is(value, -0) || !Number.isFinite(value)
    ? `number:${Object.is(value, -0) ? '-0' : value}`
    : value;
}
