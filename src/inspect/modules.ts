/** A graph by modules: what each scope holds, computes and keeps. */
import type { GraphSpec } from '../../bridge/protocol/graph-spec.ts';
import { addCosts, NO_COST, nodeCosts, type Cost } from './cost.ts';

export interface ModuleRow extends Cost {
  /** Scope path; '' for what lies in no scope. */
  readonly name: string;
  readonly parameters: number;
  readonly nodes: number;
}

/** What has a name and a shape: the parameters that a graph needs, or all that its program declares. */
export interface Declared {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * One row for each scope cut to `depth` names, in the order in which the program comes to them.
 *
 * @param declared parameters to count; the graph itself knows only those that it needs.
 */
export function moduleRows(
  graph: GraphSpec,
  depth: number,
  declared: readonly Declared[] = graph.parameters,
): ModuleRow[] {
  const rows = new Map<string, ModuleRow>();
  const add = (scope: string, change: Omit<ModuleRow, 'name'>): void => {
    const name = cutScope(scope, depth);
    const row = rows.get(name) ?? { name, parameters: 0, nodes: 0, ...NO_COST };
    rows.set(name, {
      name,
      parameters: row.parameters + change.parameters,
      nodes: row.nodes + change.nodes,
      ...addCosts(row, change),
    });
  };
  const costs = nodeCosts(graph);
  graph.nodes.forEach(({ scope }, index) => {
    add(scope, { parameters: 0, nodes: 1, ...(costs[index] as Cost) });
  });
  for (const parameter of declared) {
    add(ownerOf(parameter), { parameters: sizeOf(parameter), nodes: 0, ...NO_COST });
  }
  return [...rows.values()];
}

/** The first `depth` names of a scope path. */
export function cutScope(scope: string, depth: number): string {
  return scope.split('/').slice(0, depth).join('/');
}

/** A parameter belongs to the scope that its name begins with. */
export function ownerOf({ name }: Declared): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

export function sizeOf({ shape }: { readonly shape: readonly number[] }): number {
  return shape.reduce((size, dim) => size * dim, 1);
}

/** The rows as aligned text, the sum last. */
export function moduleTable(graph: GraphSpec, depth: number, declared?: readonly Declared[]): string {
  const rows = moduleRows(graph, depth, declared);
  const total = rows.reduce<ModuleRow>(
    (sum, row) => ({
      name: 'total',
      parameters: sum.parameters + row.parameters,
      nodes: sum.nodes + row.nodes,
      ...addCosts(sum, row),
    }),
    { name: 'total', parameters: 0, nodes: 0, ...NO_COST },
  );
  const lines = [
    ['module', 'parameters', 'FLOPs', 'activations', 'nodes'],
    ...[...rows, total].map((row) => [
      row.name === '' ? '(no scope)' : row.name,
      row.parameters.toLocaleString('en'),
      formatCount(row.flops),
      `${formatCount(row.bytes)}B`,
      String(row.nodes),
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}

/** 1,234,567 as `1.23 M`. */
export function formatCount(value: number): string {
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return `${Math.round(value)} `;
}
