/** The report of `srwm bench`: as JSON, as a table, as committed files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Machine, Versions } from './machine.ts';
import type { Row, Skip } from './row.ts';

export interface Report {
  readonly machine: Machine;
  readonly versions: Versions;
  readonly results: readonly Row[];
  readonly skipped: readonly Skip[];
}

/** One line a row, the goal and whether it was met at its end. */
export function table({ machine, results, skipped }: Report): string {
  const width = Math.max(0, ...[...results, ...skipped].map(({ name }) => name.length));
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.vectors}, ${machine.device_name}, ${machine.threads} threads, load ${machine.load_average}`,
    ...results.map((row) => `${row.name.padEnd(width)}  ${figures(row)}`),
    ...skipped.map(({ name, reason }) => `${name.padEnd(width)}  skipped: ${reason}`),
  ].join('\n');
}

function figures({ ours, rival, ratio, interval, unit, better, goal, met }: Row): string {
  const sides = rival === null ? '' : `  ours ${digits(ours)}, rival ${digits(rival)} ${unit}`;
  const value = rival === null ? `${digits(ratio)} ${unit}` : `${digits(ratio)}x`;
  const bound = `${better === 'lower' ? '<=' : '>='} ${goal}`;
  return `${value} [${interval.map(digits).join(', ')}]  goal ${bound} ${met ? 'met' : 'MISSED'}${sides}`;
}

function digits(value: number): string {
  return Number(value.toPrecision(4)).toString();
}

/** Writes `<suite>.json` into `folder` for each suite that was run. */
export function writeResults(folder: string, reports: ReadonlyMap<string, Report>): string[] {
  mkdirSync(folder, { recursive: true });
  return [...reports].map(([suite, report]) => {
    const file = path.join(folder, `${suite}.json`);
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
    return file;
  });
}
