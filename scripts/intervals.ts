/** Means with intervals as one SVG that reads well on light and on dark pages: a row a setting, a dot a seed. */

/** One setting: the value of each seed, their mean and its interval. */
export interface IntervalRow {
  readonly label: string;
  readonly values: readonly number[];
  readonly mean: number;
  readonly ci95: readonly [low: number, high: number];
}

const WIDTH = 760;
const LEFT = 150;
const RIGHT = 70;
const TOP = 48;
const ROW = 30;
const BOTTOM = 46;
const SHARES = [0, 0.25, 0.5, 0.75, 1];

/** Values within `ticks`, by default shares from 0 to 1; `mark` is a line that they are read against. */
export function drawIntervals(
  title: string,
  rows: readonly IntervalRow[],
  mark: { readonly label: string; readonly value: number },
  axis: string,
  ticks: readonly number[] = SHARES,
): string {
  const [low, high] = [Math.min(...ticks), Math.max(...ticks)];
  const height = TOP + rows.length * ROW + BOTTOM;
  const bottom = TOP + rows.length * ROW;
  const x = (value: number) => {
    const share = (Math.min(high, Math.max(low, value)) - low) / (high - low);
    return (LEFT + share * (WIDTH - LEFT - RIGHT)).toFixed(1);
  };
  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP}" y2="${bottom}"/><text x="${x(tick)}" y="${bottom + 18}" text-anchor="middle">${tick}</text>`,
  );
  const drawn = rows.map(({ label, values, mean, ci95 }, index) => {
    const y = TOP + (index + 0.5) * ROW;
    const dots = values.map((value) => `<circle class="seed" cx="${x(value)}" cy="${y}" r="3"/>`);
    return [
      `<text x="${LEFT - 10}" y="${y + 4}" text-anchor="end">${label}</text>`,
      `<line class="interval" x1="${x(ci95[0])}" x2="${x(ci95[1])}" y1="${y}" y2="${y}"/>`,
      ...dots,
      `<line class="mean" x1="${x(mean)}" x2="${x(mean)}" y1="${y - 8}" y2="${y + 8}"/>`,
      `<text x="${WIDTH - RIGHT + 14}" y="${y + 4}">${mean.toFixed(2)}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">
<style>
  text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 }
  .grid { stroke: #ddd } .interval { stroke: #1f6feb; stroke-width: 6; stroke-linecap: round; opacity: 0.35 }
  .mean { stroke: #1f6feb; stroke-width: 2.5 } .seed { fill: #1f6feb; opacity: 0.75 }
  .mark { stroke: #b35900; stroke-width: 1.5; stroke-dasharray: 6 4 }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .grid { stroke: #3a3f46 } .interval, .mean { stroke: #6cb0ff } .seed { fill: #6cb0ff } .mark { stroke: #f0a050 } }
</style>
<text class="title" x="12" y="22">${title}</text>
${[...grid, ...drawn].join('\n')}
<line class="mark" x1="${x(mark.value)}" x2="${x(mark.value)}" y1="${TOP - 6}" y2="${bottom}"/><text x="${x(mark.value)}" y="${TOP - 10}" text-anchor="middle">${mark.label}</text>
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${height - 8}" text-anchor="middle">${axis}</text>
</svg>
`;
}
