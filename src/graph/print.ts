/** The stable text form of a graph: one line a node, held in tests as inline snapshots. */
import type { GraphSpec, NodeSpec } from '../../bridge/protocol/graph-spec.ts';
import type { Attributes, OpDefinition } from './ops/definition.ts';
import { opTable, type OpName } from './ops/table.ts';
import { formatSpec } from './spec-format.ts';
import { valueNames } from './values.ts';

export function printGraph(graph: GraphSpec): string {
  return printLines(graph, 'graph').join('\n');
}

function printLines(graph: GraphSpec, keyword: string): string[] {
  const names = valueNames(graph);
  const nameOf = (value: number): string => names[value] ?? `?${value}`;
  let next = graph.inputs.length + graph.parameters.length;
  const lines = [`${keyword} ${graph.name}`];
  for (const input of graph.inputs) lines.push(`  input ${input.name}: ${formatSpec(input)}`);
  for (const parameter of graph.parameters)
    lines.push(`  parameter ${parameter.name}: ${formatSpec(parameter)}`);
  for (const node of graph.nodes) {
    const results = node.results.map((spec) => `${nameOf(next++)}: ${formatSpec(spec)}`).join(', ');
    lines.push(`  ${results} = ${printNode(node, node.inputs.map(nameOf))}`);
    if (node.body !== null) lines.push(...printLines(node.body, 'body').map((line) => `    ${line}`));
  }
  const outputs = graph.outputs.map(({ name, value }) => `${name}=${nameOf(value)}`);
  lines.push(`  return ${outputs.join(', ')}`);
  return lines;
}

function printNode(node: NodeSpec, inputs: readonly string[]): string {
  const definition = opTable[node.op as OpName] as unknown as OpDefinition<Attributes>;
  return definition.print(inputs, node.attrs);
}
