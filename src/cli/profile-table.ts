/** A profile as a table for people. */
import type { ProfileReport } from '../runs/index.ts';

const WIDTH = 120;
const LONGEST_PLACE = 40;
const HEAD = ['share', 'ms', 'act', 'forward', 'backward', 'calls'] as const;

/** The `top` longest lines, the sum of the others, and what belongs to no line; together one update. */
export function profileTable(name: string, report: ProfileReport, top: number): string {
  const { lines, other, seconds, plain_seconds: plain, updates, device, threads } = report;
  const [shown, rest] = [lines.slice(0, top), lines.slice(top)];
  const sum = (of: (line: (typeof lines)[number]) => number): number =>
    rest.reduce((all, one) => all + of(one), 0);
  const widest = Math.max(...shown.map((line) => placeOf(line).length));
  const rows: (readonly string[])[] = [
    [...HEAD, 'line'],
    ...shown.map((line) => [
      percent(line.share),
      millis(line.seconds),
      millis(line.act_seconds),
      millis(line.forward_seconds),
      millis(line.backward_seconds),
      count(line.calls),
      `${placeOf(line).padEnd(widest)}  ${line.text}`,
    ]),
    ...(rest.length === 0
      ? []
      : [
          [
            percent(sum(({ share }) => share)),
            millis(sum((line) => line.seconds)),
            millis(sum((line) => line.act_seconds)),
            millis(sum((line) => line.forward_seconds)),
            millis(sum((line) => line.backward_seconds)),
            count(sum(({ calls }) => calls)),
            `${rest.length} more lines (--top ${lines.length} shows them)`,
          ],
        ]),
    ...other.map((row) => [percent(row.share), millis(row.seconds), '', '', '', '', `(${row.name})`]),
    [percent(1), millis(seconds), '', '', '', '', 'one update'],
  ];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const table = rows.map((row) => {
    const cells = row.map((cell, column) =>
      column < HEAD.length ? cell.padStart(widths[column] ?? 0) : cell,
    );
    return cut(cells.join('  '), WIDTH);
  });
  return [
    `${name} on ${device}, threads: ${threads}. One update with its share of acting and env steps, mean of ${updates}:`,
    `${millis(plain)} ms; ${millis(seconds)} ms under the profiler, which the table adds up to.`,
    '',
    ...table,
  ].join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function millis(seconds: number): string {
  return seconds === 0 ? '' : (1000 * seconds).toFixed(2);
}

function count(calls: number): string {
  return calls >= 100 || Number.isInteger(calls) ? calls.toFixed(0) : calls.toFixed(1);
}

/** The end of a path says more than its beginning. */
function placeOf({ file, line }: ProfileReport['lines'][number]): string {
  const place = `${file}:${line}`;
  return place.length <= LONGEST_PLACE ? place : `…${place.slice(place.length - LONGEST_PLACE + 1)}`;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text.trimEnd() : `${text.slice(0, length - 1)}…`;
}
