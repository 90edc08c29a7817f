/** Learning curves of several settings as one SVG that reads well on light and on dark pages: a line a setting. */
import type { Curve } from './curves.ts';

const WIDTH = 760;
const HEIGHT = 340;
const LEFT = 54;
const RIGHT = 170;
const TOP = 40;
const BOTTOM = 44;
/** Space between two labels at the right. */
const LINE = 17;

// Distinct to readers who do not see all colours (Okabe and Ito), darker on light pages.
const LIGHT = ['#0072b2', '#b35900', '#00785a', '#a3457f', '#555555'];
const DARK = ['#6cb0ff', '#f0a050', '#4fd1a8', '#e08fc0', '#bbbbbb'];

export interface LabelledCurve {
  readonly label: string;
  readonly curve: Curve;
}

/** @throws Error for more settings than there are colours. */
export function drawGroupCurves(title: string, groups: readonly LabelledCurve[], axis: string): string {
  if (groups.length > LIGHT.length)
    throw new Error(`${title}: at most ${LIGHT.length} curves can be told apart`);
  const points = groups.flatMap(({ curve }) => curve);
  const maxSteps = Math.max(...points.map(([steps]) => steps));
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.floor(Math.min(...values)), Math.ceil(Math.max(...values))];
  const x = (steps: number) => LEFT + (steps / maxSteps) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const grid = Array.from({ length: high - low + 1 }, (_, i) => low + i).map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${tick}</text>`,
  );
  const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = share * maxSteps;
    return `<text x="${x(at)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${at === 0 ? '0' : `${Math.round(at / 1000)}k`}</text>`;
  });
  const drawn = groups.map(({ curve }, i) => {
    const line = curve.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline class="curve c${i}" points="${line}"/>`;
  });
  const labels = apart(groups.map(({ curve }) => y(curve.at(-1)?.[1] ?? low))).map(
    (at, i) =>
      `<text class="label l${i}" x="${WIDTH - RIGHT + 8}" y="${(at + 4).toFixed(1)}">${groups[i]?.label} ${groups[i]?.curve.at(-1)?.[1].toFixed(2)}</text>`,
  );
  const colours = (palette: readonly string[]) =>
    groups.map((_, i) => `.c${i} { stroke: ${palette[i]} } .l${i} { fill: ${palette[i]} }`).join(' ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
<style>
  text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 }
  .grid { stroke: #ddd } .curve { fill: none; stroke-width: 2 } .label { font-weight: 600 } ${colours(LIGHT)}
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .grid { stroke: #3a3f46 } ${colours(DARK)} }
</style>
<text class="title" x="12" y="22">${title}</text>
${[...grid, ...steps, ...drawn, ...labels].join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${axis}</text>
</svg>
`;
}

/** Heights of labels near those given, none on top of another. */
export function apart(heights: readonly number[]): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => (heights[a] ?? 0) - (heights[b] ?? 0));
  const placed = [...heights];
  for (const [rank, i] of order.entries()) {
    const above = order[rank - 1];
    if (above !== undefined) placed[i] = Math.max(placed[i] ?? 0, (placed[above] ?? 0) + LINE);
  }
  return placed;
}
