/** An SVG picture of a graph: its modules from top to bottom, with what flows between them. */
import type { GraphSpec } from '../../bridge/protocol/graph-spec.ts';
import { nodeCosts } from './cost.ts';
import { cutScope, formatCount, ownerOf, sizeOf } from './modules.ts';

interface Box {
  readonly title: string;
  readonly detail: string;
}
interface Edge {
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

const WIDTH = 380;
const HEIGHT = 44;
const GAP = 34;
const LEFT = 20;
const LANE = 26;
/** What the longest label beside a lane takes. */
const LABEL = 150;

const STYLE = `
  svg { font: 12px ui-sans-serif, system-ui, sans-serif; background: #fff }
  .box { fill: #f3f5f8; stroke: #8a94a3 } .io { fill: #e4f0e8 } .title { fill: #14202e; font-weight: 600 }
  .detail, .shape { fill: #55606e } .side { font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 4px } .edge { stroke: #55606e; fill: none } .tip { fill: #55606e }
  @media (prefers-color-scheme: dark) {
    svg { background: #12161c } .box { fill: #1e2530; stroke: #6b7787 } .io { fill: #1d3327 }
    .title { fill: #e8edf3 } .detail, .shape { fill: #a7b2c0 } .edge { stroke: #a7b2c0 } .tip { fill: #a7b2c0 }
    .side { stroke: #12161c }
  }`;

/** A picture of `graph`, one box for each run of nodes in the same scope, cut to `depth` names. */
export function drawGraph(graph: GraphSpec, depth = 2): string {
  const { boxes, edges } = layOut(graph, depth);
  const lanes = edges.filter(({ from, to }) => to !== from + 1);
  const width = LEFT * 2 + WIDTH + (lanes.length === 0 ? 0 : 12 + LANE * lanes.length + LABEL);
  const height = boxes.length * (HEIGHT + GAP) + LEFT;
  const top = (index: number): number => LEFT + index * (HEIGHT + GAP);
  const parts = boxes.map(({ title, detail }, index) => {
    const io = index === 0 || index === boxes.length - 1 ? ' io' : '';
    return [
      `<rect class="box${io}" x="${LEFT}" y="${top(index)}" width="${WIDTH}" height="${HEIGHT}" rx="6"/>`,
      `<text class="title" x="${LEFT + 12}" y="${top(index) + 18}">${escape(title)}</text>`,
      `<text class="detail" x="${LEFT + 12}" y="${top(index) + 35}">${escape(detail)}</text>`,
    ].join('');
  });
  let lane = 0;
  const labels: string[] = [];
  const lines = edges.map((edge) => {
    const { from, to, label } = edge;
    const [y1, y2] = [top(from) + HEIGHT, top(to)];
    if (to === from + 1) {
      const x = LEFT + WIDTH / 2;
      return `<path class="edge" d="M${x} ${y1}V${y2 - 5}"/>${tip(x, y2)}<text class="shape" x="${x + 8}" y="${y1 + 21}">${escape(label)}</text>`;
    }
    // Around the boxes between the two, each on a lane of its own; ends at one box lie below each other.
    const x = LEFT + WIDTH + 14 + LANE * lane++;
    const side = LEFT + WIDTH;
    const out = top(from) + HEIGHT * (0.7 + 0.3 * placeAmong(lanes, (one) => one.from === from, edge));
    const into = top(to) + HEIGHT * 0.7 * placeAmong(lanes, (one) => one.to === to, edge);
    labels.push(`<text class="shape side" x="${x + 6}" y="${into + 4}">${escape(label)}</text>`);
    return `<path class="edge" d="M${side} ${out}H${x}V${into}H${side + 5}"/><path class="tip" d="M${side} ${into}l7 -4v8z"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Graph ${escape(graph.name)}">\n<style>${STYLE}\n</style>\n${[...lines.map((line) => `<g>${line}</g>`), ...parts, ...labels].join('\n')}\n</svg>\n`;
}

/** Where one of the edges that share an end stands, in (0, 1). */
function placeAmong(edges: readonly Edge[], shares: (edge: Edge) => boolean, edge: Edge): number {
  const sharing = edges.filter(shares);
  return (sharing.indexOf(edge) + 1) / (sharing.length + 1);
}

function tip(x: number, y: number): string {
  return `<path class="tip" d="M${x} ${y}l-4 -7h8z"/>`;
}

function layOut(graph: GraphSpec, depth: number): { readonly boxes: Box[]; readonly edges: Edge[] } {
  const costs = nodeCosts(graph);
  const runs: { scope: string; nodes: number[] }[] = [];
  graph.nodes.forEach((node, index) => {
    const scope = cutScope(node.scope, depth);
    const last = runs.at(-1);
    if (last?.scope === scope) last.nodes.push(index);
    else runs.push({ scope, nodes: [index] });
  });
  const parametersOf = new Map<string, number>();
  for (const parameter of graph.parameters) {
    const scope = cutScope(ownerOf(parameter), depth);
    parametersOf.set(scope, (parametersOf.get(scope) ?? 0) + sizeOf(parameter));
  }
  const seen = new Set<string>();
  const boxes: Box[] = [
    { title: 'inputs', detail: shorten(graph.inputs.map(({ name }) => name).join(', ')) },
  ];
  for (const { scope, nodes } of runs) {
    const flops = nodes.reduce((sum, index) => sum + (costs[index]?.flops ?? 0), 0);
    const parameters = seen.has(scope) ? 0 : (parametersOf.get(scope) ?? 0);
    seen.add(scope);
    const ops = [...new Set(nodes.map((index) => graph.nodes[index]?.op.split('.')[1] ?? ''))];
    boxes.push({
      title: shorten(scope === '' ? ops.join(', ') : scope, 44),
      detail: shorten(
        [
          ...(parameters === 0 ? [] : [`${parameters.toLocaleString('en')} parameters`]),
          `${formatCount(flops)}FLOPs`,
          ...(scope === '' ? [] : [ops.join(', ')]),
        ].join(' · '),
      ),
    });
  }
  boxes.push({ title: 'outputs', detail: shorten(graph.outputs.map(({ name }) => name).join(', ')) });
  return { boxes, edges: edgesOf(graph, runs) };
}

/** One edge between two boxes, labelled with the largest value that flows. */
function edgesOf(graph: GraphSpec, runs: readonly { readonly nodes: readonly number[] }[]): Edge[] {
  const specs = [...graph.inputs, ...graph.parameters, ...graph.nodes.flatMap((node) => node.results)];
  const boxOfNode = new Map(runs.flatMap(({ nodes }, run) => nodes.map((node) => [node, run + 1] as const)));
  const boxOfValue: (number | null)[] = [...graph.inputs.map(() => 0), ...graph.parameters.map(() => null)];
  const edges = new Map<string, { edge: Edge; size: number }>();
  const connect = (value: number, to: number): void => {
    const from = boxOfValue[value];
    const spec = specs[value];
    if (from === null || from === undefined || from === to || spec === undefined) return;
    const size = sizeOf(spec);
    const known = edges.get(`${from},${to}`);
    if (known !== undefined && known.size >= size) return;
    edges.set(`${from},${to}`, {
      edge: { from, to, label: `${spec.dtype} [${spec.shape.join(', ')}]` },
      size,
    });
  };
  graph.nodes.forEach((node, index) => {
    const box = boxOfNode.get(index) ?? 0;
    for (const value of node.inputs) connect(value, box);
    boxOfValue.push(...node.results.map(() => box));
  });
  for (const { value } of graph.outputs) connect(value, runs.length + 1);
  return [...edges.values()].map(({ edge }) => edge);
}

/** What fits into a box. */
function shorten(text: string, length = 52): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
