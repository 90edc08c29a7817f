/** Numbering of a graph's values: inputs, then parameters, then each node's results in order. */
import type { GraphSpec, ValueSpec } from '../../bridge/protocol/graph-spec.ts';

export function valueSpecs(graph: GraphSpec): ValueSpec[] {
  return [...graph.inputs, ...graph.parameters, ...graph.nodes.flatMap((node) => node.results)].map(
    ({ shape, dtype }) => ({ shape, dtype }),
  );
}

/** Names for people: inputs and parameters by name, results as `%n`. */
export function valueNames(graph: GraphSpec): string[] {
  const names = [...graph.inputs.map(({ name }) => name), ...graph.parameters.map(({ name }) => name)];
  let number = 0;
  for (const node of graph.nodes) for (let i = 0; i < node.results.length; i++) names.push(`%${number++}`);
  return names;
}
