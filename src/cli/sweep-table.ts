/** A sweep as a table for people. */
import type { SweepGroup, SweepReport, SweepRow } from '../sweeps/index.ts';

/** One line a run, then one line a setting and measure over its seeds. */
export function sweepTable({ sweep, runs, groups }: SweepReport): string {
  const finished = runs.filter(({ status }) => status === 'finished').length;
  return [
    `sweep ${sweep}: ${finished} of ${runs.length} runs finished`,
    ...columns(runs.map(runCells)),
    '',
    'over seeds (mean [95 % interval])',
    ...columns(groups.flatMap(groupCells)),
  ].join('\n');
}

function runCells({ name, status, env_steps, seconds, episode_return, error }: SweepRow): string[] {
  const returns = episode_return === null ? 'no episode' : `training ${episode_return.mean.toFixed(2)}`;
  const steps = `${env_steps.toLocaleString('en')} steps`;
  return [
    name,
    status,
    steps,
    `${seconds.toFixed(0)} s`,
    error === null ? returns : `${error.code}: ${error.message}`,
  ];
}

function groupCells({ name, seeds, measures }: SweepGroup): string[][] {
  if (measures.length === 0) return [[name, 'no finished run']];
  return measures.map((one) => {
    const interval =
      one.ci95 === null
        ? 'one seed has no interval'
        : `[${one.ci95.map((bound) => bound.toFixed(3)).join(', ')}]`;
    return [name, one.name, one.mean.toFixed(3), interval, `${one.seeds} of ${seeds.length} seeds`];
  });
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) =>
      row.map((cell, index) => Math.max(widest[index] ?? 0, cell.length)).concat(widest.slice(row.length)),
    [],
  );
  return rows.map((row) =>
    `  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd(),
  );
}
