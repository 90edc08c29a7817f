/** What is said of graphs: costs by hand, differences, lines, and a picture that is well-formed. */
import { describe, expect, it } from 'vitest';
import {
  parameter,
  relu,
  scan,
  scope,
  tensorSpec,
  trace,
  zeros,
  type Graph,
} from '../../../src/graph/index.ts';
import {
  diffGraphs,
  drawGraph,
  graphCost,
  listGraph,
  moduleRows,
  moduleTable,
} from '../../../src/inspect/index.ts';
import { constant, conv2d, linear } from '../../../src/nn/index.ts';

function head(activation: (x: Parameters<typeof relu>[0]) => ReturnType<typeof relu>): Graph {
  return trace('head', { x: tensorSpec([3, 4]) }, ({ x }) => {
    const h = scope('body', () => activation(linear('in', 5)(x)));
    return { y: scope('head', () => linear('out', 2)(h)).reshape([6]) };
  });
}

describe('the cost of a graph', () => {
  it('counts two operations for each product of a dense layer, and no memory for a view', () => {
    const graph = head((x) => relu(x));
    // 3 x 5 results of 4 terms, 3 x 5 elements of relu, 3 x 2 results of 5 terms.
    expect(graphCost(graph.spec)).toEqual({ flops: 120 + 15 + 60, bytes: 4 * (15 + 15 + 6) });
  });

  it('counts a convolution by its windows', () => {
    const graph = trace('conv', { x: tensorSpec([2, 3, 8, 8]) }, ({ x }) => ({
      y: conv2d('conv', 4, 3, { padding: 1, stride: 2 })(x),
    }));
    expect(graphCost(graph.spec).flops).toBe(2 * (2 * 4 * 4 * 4) * (3 * 3 * 3));
  });

  it('counts the body of a scan once a step', () => {
    const graph = trace('steps', { x: tensorSpec([7, 3]) }, ({ x }) => {
      const { carry } = scan({ carry: { h: zeros([3]) }, xs: { x } }, ({ carry: before, x: now }) => {
        const h = before.h.mul(parameter('w', [3], constant(1))).add(now.x);
        return { carry: { h }, y: { h } };
      });
      return { h: carry.h };
    });
    expect(graphCost(graph.spec).flops).toBe(7 * 6);
  });

  it('belongs to the scopes that caused it, parameters included', () => {
    const rows = moduleRows(head((x) => relu(x)).spec, 1);
    expect(rows.map(({ name, parameters, flops }) => [name, parameters, flops])).toEqual([
      ['body', 25, 135],
      ['head', 12, 60],
      ['', 0, 0],
    ]);
    expect(
      moduleTable(head((x) => relu(x)).spec, 1)
        .split('\n')
        .at(-1),
    ).toMatch(/^total +37 +195 /);
  });
});

describe('the difference of two graphs', () => {
  it('is empty for equal programs on other lines', () => {
    expect(diffGraphs(head((x) => relu(x)).spec, head((x) => relu(x)).spec)).toBe('');
  });

  it('names the nodes that changed and not those whose number did', () => {
    const text = diffGraphs(head((x) => relu(x)).spec, head((x) => relu(x.neg())).spec);
    expect(text.split('\n').filter((line) => /^[-+]/.test(line))).toEqual([
      '+   %1: float32[3, 5] = neg(%0)',
    ]);
  });
});

describe('the listing of a graph', () => {
  it('says beside each node, also inside a scan, which line and scope made it', () => {
    const lines = listGraph(head((x) => relu(x)).spec).split('\n');
    expect(lines.find((line) => line.includes('relu('))).toMatch(/# .*inspect\.test\.ts:\d+:\d+ in body/);
    expect(lines.find((line) => line.startsWith('  input'))).not.toContain('#');
  });
});

describe('the picture of a graph', () => {
  it('has a box for each module, an edge for each flow, and escapes names', () => {
    const svg = drawGraph(
      trace('a<b', { x: tensorSpec([3, 4]) }, ({ x }) => {
        const h = scope('body', () => relu(linear('in', 4)(x)));
        return { y: scope('head', () => h.add(x)) };
      }).spec,
      1,
    );
    expect(svg.match(/<rect/g)).toHaveLength(4);
    // inputs to body, body to head, inputs around body to head, head to outputs.
    expect(svg.match(/class="edge"/g)).toHaveLength(4);
    expect(svg).toContain('20 parameters');
    expect(svg).toContain('a&lt;b');
    expect(svg).not.toContain('a<b');
  });
});
