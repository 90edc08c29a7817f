/** Learning curves as one SVG that reads well on light and on dark pages. */

/** (env steps, return) in the order of time. */
export type Curve = readonly (readonly [steps: number, value: number])[];

const WIDTH = 760;
const HEIGHT = 340;
const LEFT = 54;
const RIGHT = 150;
const TOP = 40;
const BOTTOM = 44;
const POINTS = 160;

export function drawCurves(
  title: string,
  curves: readonly Curve[],
  lines: readonly { readonly label: string; readonly value: number }[],
): string {
  const thinned = curves.map(thin);
  const maxSteps = Math.max(...thinned.flat().map(([steps]) => steps));
  const values = [...thinned.flat().map(([, value]) => value), ...lines.map((line) => line.value), 0];
  const [low, high] = [Math.floor(Math.min(...values)), Math.ceil(Math.max(...values))];
  const x = (steps: number) => LEFT + (steps / maxSteps) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter(
    (tick) => high - low <= 8 || tick % 2 === 0,
  );
  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${tick}</text>`,
  );
  const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = share * maxSteps;
    return `<text x="${x(at)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${at === 0 ? '0' : `${Math.round(at / 1000)}k`}</text>`;
  });
  const paths = thinned.map((curve, i) => {
    const points = curve.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline class="curve" style="opacity:${1 - (0.55 * i) / Math.max(1, thinned.length)}" points="${points}"/>`;
  });
  const marks = lines.map(
    ({ label, value }) =>
      `<line class="mark" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/><text x="${WIDTH - RIGHT + 8}" y="${y(value) + 4}">${label} ${value.toFixed(2)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
<style>
  text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 }
  .grid { stroke: #ddd } .curve { fill: none; stroke: #1f6feb; stroke-width: 2 } .mark { stroke: #b35900; stroke-width: 1.5; stroke-dasharray: 6 4 }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .grid { stroke: #3a3f46 } .curve { stroke: #6cb0ff } .mark { stroke: #f0a050 } }
</style>
<text class="title" x="${LEFT}" y="22">${title}</text>
${[...grid, ...steps, ...paths, ...marks].join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">env steps</text>
</svg>
`;
}

function thin(curve: Curve): Curve {
  const every = Math.max(1, Math.floor(curve.length / POINTS));
  return curve.filter((_, i) => i % every === 0 || i === curve.length - 1);
}
