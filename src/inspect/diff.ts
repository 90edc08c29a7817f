/** What two graphs compute differently, node by node. */
import { diffArrays } from 'diff';
import type { GraphSpec } from '../../bridge/protocol/graph-spec.ts';
import { printGraph } from '../graph/index.ts';

/**
 * The lines of both text forms: `- ` only in `before`, `+ ` only in `after`, `  ` in both, far ones left out as `...`.
 * Value numbers take no part in the comparison, so that one node more does not change all that follow it.
 *
 * Returns '' for equal graphs.
 */
export function diffGraphs(before: GraphSpec, after: GraphSpec, context = 2): string {
  const [old, fresh] = [before, after].map((graph) => printGraph(graph).split('\n')) as [string[], string[]];
  const parts = diffArrays(old, fresh, { comparator: (a, b) => withoutNumbers(a) === withoutNumbers(b) });
  if (parts.every((part) => !part.added && !part.removed)) return '';
  return parts
    .flatMap((part, index) => {
      if (part.removed) return part.value.map((line) => `- ${line}`);
      if (part.added) return part.value.map((line) => `+ ${line}`);
      return shorten(part.value, context, index > 0, index < parts.length - 1).map((line) => `  ${line}`);
    })
    .join('\n');
}

function withoutNumbers(line: string): string {
  return line.replaceAll(/%\d+/g, '%');
}

/** Keeps `context` lines beside each change. */
function shorten(lines: readonly string[], context: number, after: boolean, before: boolean): string[] {
  const head = after ? context : 0;
  const tail = before ? context : 0;
  if (lines.length <= head + tail + 1) return [...lines];
  return [...lines.slice(0, head), '...', ...lines.slice(lines.length - tail)];
}
