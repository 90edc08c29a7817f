import { expect, test } from 'vitest';
import { exp, scan, tensorSpec, trace, zeros } from '../../../src/graph/index.ts';
import { lineTimes } from '../../../src/inspect/index.ts';

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
