import { expect, test } from 'vitest';
import { exp, scan, tensorSpec, trace, zeros } from '../../../src/graph/index.ts';
import { lineTimes } from '../../../src/inspect/index.ts';
import { profileTable } from '../../../src/cli/profile-table.ts';

const graph = trace('sum', { x: tensorSpec([4, 2]) }, ({ x }) => {
  const { ys } = scan({ carry: { h: zeros([2]) }, xs: { x } }, ({ carry, x: step }) => {
    const h = exp(carry.h.add(step.x)).mul(2);
    return { carry: { h }, y: { h } };
  });
  return { y: ys.h };
});
const scanIndex = graph.spec.nodes.findIndex(({ op }) => op === 'srwm.scan');
const { body } = graph.spec.nodes[scanIndex] as { body: typeof graph.spec };
const time = (path: number[], forward: number, backward: number, calls: number) => ({
  graph: graph.hash,
  path,
  forward_seconds: forward,
  backward_seconds: backward,
  calls,
});
const nodes = [
  time([scanIndex], 0.5, 0.25, 1),
  ...body.nodes.map((_, index) => time([scanIndex, index], 2 ** index, 0, 4)),
];
const graphs = new Map([[graph.hash, graph]]);

test('folds the nodes of one line together, those in a scan onto the line of the body', () => {
  const [inside, around] = lineTimes(nodes, graphs, new Set());
  expect(inside).toMatchObject({
    file: 'test/src/inspect/line-times.test.ts',
    ops: ['mul', 'exp', 'add'],
    act_seconds: 0,
    forward_seconds: 7,
    backward_seconds: 0,
    seconds: 7,
    calls: 12,
  });
  expect(around).toMatchObject({ ops: ['scan'], forward_seconds: 0.5, backward_seconds: 0.25, calls: 1 });
  expect((inside?.line ?? 0) - (around?.line ?? 0)).toBe(1);
});

test('counts the forward time of acting graphs apart', () => {
  const [inside] = lineTimes(nodes, graphs, new Set([graph.hash]));
  expect(inside).toMatchObject({ act_seconds: 7, forward_seconds: 0, seconds: 7 });
});

test('prints the longest lines, the sum of the others, and what belongs to no line', () => {
  const line = {
    act_seconds: 0,
    forward_seconds: 0.004,
    backward_seconds: 0.002,
    seconds: 0.006,
    ops: ['mul'],
  };
  const long = `${'deep/'.repeat(10)}model.ts`;
  const table = profileTable(
    'tiny',
    {
      device: 'cpu',
      threads: 2,
      updates: 8,
      plain_seconds: 0.018,
      seconds: 0.02,
      lines: [
        { ...line, file: long, line: 7, text: 'return x.mul(2);', share: 0.3, calls: 1 },
        { ...line, file: 'b.ts', line: 1, text: 'y', share: 0.3, calls: 2.5 },
        { ...line, file: 'c.ts', line: 1, text: 'z', share: 0.3, calls: 120 },
      ],
      other: [{ name: 'env steps', seconds: 0.002, share: 0.1 }],
      trace: null,
    },
    1,
  );
  expect(table).toMatchInlineSnapshot(`
    "tiny on cpu, threads: 2. One update with its share of acting and env steps, mean of 8:
    18.00 ms; 20.00 ms under the profiler, which the table adds up to.

      share     ms  act  forward  backward  calls  line
     30.0 %   6.00          4.00      2.00      1  …eep/deep/deep/deep/deep/deep/model.ts:7  return x.mul(2);
     60.0 %  12.00          8.00      4.00    123  2 more lines (--top 3 shows them)
     10.0 %   2.00                                 (env steps)
    100.0 %  20.00                                 one update"
  `);
});
