/** The text form of a graph with the author's line beside every node. */
import type { GraphSpec } from '../../bridge/protocol/graph-spec.ts';
import { printGraph } from '../graph/index.ts';

const MAX_COLUMN = 110;

/** `printGraph`, each node followed by the place in the author's code that made it and the scope it lies in. */
export function listGraph(graph: GraphSpec): string {
  const lines = printGraph(graph).split('\n');
  const places = placesOf(graph);
  const width = Math.min(MAX_COLUMN, Math.max(...lines.map((line) => line.length)));
  return lines
    .map((line, index) => {
      const place = places[index];
      return place === undefined || place === '' ? line : `${line.padEnd(width)}  # ${place}`;
    })
    .join('\n');
}

/** One entry for each line of `printGraph`: a header, inputs, parameters, nodes with their bodies, a return. */
function placesOf(graph: GraphSpec): string[] {
  const blank = (count: number): string[] => Array<string>(count).fill('');
  return [
    ...blank(1 + graph.inputs.length + graph.parameters.length),
    ...graph.nodes.flatMap(({ loc, scope, body }) => [
      `${graph.locs[loc] ?? ''}${scope === '' ? '' : ` in ${scope}`}`,
      ...(body === null ? [] : placesOf(body)),
    ]),
    ...blank(1),
  ];
}
