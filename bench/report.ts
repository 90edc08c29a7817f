/** The report of `srwm bench`: as JSON, as a table, as committed files. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Machine, Versions } from './machine.ts';
import { CannotMeasure, type Row, type Skip } from './row.ts';

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

/**
 * Writes `<suite>.json` into `folder` for each suite that was run. With `isWhole` false, rows that were not measured now
 * stay as they are in the file, which must be of the same machine.
 *
 * @throws CannotMeasure when it is of another: figures of two machines in one file would be compared.
 */
export function writeResults(folder: string, reports: ReadonlyMap<string, Report>, isWhole = true): string[] {
  mkdirSync(folder, { recursive: true });
  return [...reports].map(([suite, report]) => {
    const file = path.join(folder, `${suite}.json`);
    const kept = isWhole || !existsSync(file) ? report : merged(file, report);
    writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
    return file;
  });
}

function merged(file: string, now: Report): Report {
  const before = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const [there, here] = [before.machine, now.machine].map(({ load_average: _, ...machine }) =>
    JSON.stringify(machine),
  );
  if (there !== here)
    throw new CannotMeasure(
      `${file} must be of this machine to take single rows, got ${there} there and ${here} here`,
    );
  const measured = new Map(now.results.map((row) => [row.name, row]));
  const added = now.results.filter(({ name }) => !before.results.some((row) => row.name === name));
  const results = [...before.results.map((row) => measured.get(row.name) ?? row), ...added];
  const skipped = [...before.skipped.filter(({ name }) => !measured.has(name))];
  return { ...now, results, skipped };
}
