/** A comparison as a table for people. */
import type { CompareReport, CompareRow, Interval } from '../compare/index.ts';

/** Scores by split and group, generalisation gaps, differences in words, and what to know before quoting them. */
export function compareTable(report: CompareReport): string {
  const { rows, gaps, pairs, notes, measure } = report;
  return [
    `${measure} by group (95 % intervals; over runs, or over levels where there are too few)`,
    ...columns([
      ['split', 'group', 'runs', 'mean', 'median', 'IQM', 'optimality gap', 'over'],
      ...rows.map(rowCells),
    ]),
    ...(gaps.length === 0 ? [] : ['', 'generalisation gap: training levels minus unseen ones']),
    ...columns(gaps.map(({ name, play, gap, over }) => [play, name, shown(gap), `over ${over}`])),
    ...(pairs.length === 0 ? [] : ['', 'differences', ...pairs.map(({ words }) => `  ${words}`)]),
    ...(notes.length === 0 ? [] : ['']),
    ...notes.map(({ code, message }) => (code === null ? message : `${code}  ${message}`)),
  ].join('\n');
}

function rowCells({ split, name, runs, mean, median, iqm, optimality_gap: gap, over }: CompareRow): string[] {
  const numbers = [shown(mean), shown(median), shown(iqm), gap === null ? '' : shown(gap)];
  return [split, name, String(runs.length), ...numbers, over];
}

function shown({ value, ci95 }: Interval): string {
  return `${value.toFixed(3)} [${ci95.map((bound) => bound.toFixed(3)).join(', ')}]`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
}
