/** Graphs that no one should send: too large, holding themselves, with parameters that learn nothing. */
import { describe, expect, it } from 'vitest';
import type { GraphSpec } from '../../../bridge/protocol/graph-spec.ts';
import type * as g from '../../../src/graph/index.ts';
import {
  checkLoss,
  checkpoint,
  parameter,
  parametersReached,
  scan,
  tensorSpec,
  trace,
  verify,
  zeros,
} from '../../../src/graph/index.ts';
import { constant, linear } from '../../../src/nn/index.ts';

const w = (name: string) => parameter(name, [3], constant(1));
const graphOf = (program: (x: g.Tensor) => g.Outputs) =>
  trace('update', { x: tensorSpec([4, 3]) }, ({ x }) => program(x));

describe('a graph that is too large', () => {
  it('is refused at the line of the loop that does not end', () => {
    const endless = () =>
      graphOf((x) => {
        let y = x;
        for (;;) y = y.add(1);
      });
    expect(endless).toThrow(
      expect.objectContaining({
        code: 'GRAPH_TOO_LARGE',
        message: expect.stringMatching(
          /at most 100000 operations.*\n +at .*bad-graphs\.test\.ts:\d+/,
        ) as string,
        remedy: expect.stringContaining('scan') as string,
      }),
    );
  });

  it('is refused when one value has more elements than a machine can hold', () => {
    const large = () => graphOf(() => ({ y: zeros([2 ** 21, 1]).add(zeros([2 ** 20])) }));
    expect(large).toThrow(expect.objectContaining({ code: 'GRAPH_TOO_LARGE' }));
    expect(large).toThrow(/at most 2\^40 elements, got \[2097152, 1048576\]/);
  });
});

describe('a graph that holds itself', () => {
  it.each<[string, (graph: GraphSpec) => void]>([
    ['as the body of its node', (graph) => (graph.nodes.at(-1)!.body = graph)],
    ['two bodies deep', (graph) => (graph.nodes.at(-1)!.body!.nodes = graph.nodes)],
    ['by a node that reads its own result', (graph) => (graph.nodes[0]!.inputs = [graph.inputs.length])],
  ])('is refused, not followed for ever: %s', (_, change) => {
    const graph = trace('held', { x: tensorSpec([4, 3]) }, ({ x }) => {
      const { carry } = scan({ carry: { c: x.sum(0) }, xs: { x } }, ({ carry: before, x: step }) => ({
        carry: { c: before.c.add(step.x) },
        y: {},
      }));
      return { y: carry.c };
    });
    const changed = structuredClone(graph.spec);
    change(changed);
    expect(() => verify(changed)).toThrow(expect.objectContaining({ code: 'GRAPH_INVALID' }));
  });
});

describe('a parameter that learns nothing', () => {
  it('is named with its line when no output needs it', () => {
    const graph = graphOf((x) => {
      w('spare');
      return { loss: x.mul(w('used')).sum() };
    });
    expect(graph.warnings).toEqual([
      expect.stringMatching(
        /^graph "update": no output needs parameter "spare", declared at .*bad-graphs\.test\.ts:\d+:\d+\.$/,
      ),
    ]);
    expect(checkLoss(graph, 'loss')).toEqual(graph.warnings);
    expect(graphOf((x) => ({ loss: x.mul(w('used')).sum() })).warnings).toEqual([]);
  });

  it('is named when the gradient of the loss does not reach it', () => {
    const graph = graphOf((x) => ({
      loss: x.mul(w('taught')).add(w('held').stopGradient()).sum(),
      shown: w('beside').sum(),
    }));
    expect(parametersReached(graph.spec, 'loss')).toEqual(['taught']);
    expect(checkLoss(graph, 'loss')).toEqual([
      expect.stringContaining('no gradient of "loss" reaches parameter "held"'),
      expect.stringContaining('no gradient of "loss" reaches parameter "beside"'),
    ]);
  });

  it('may hide in the body of a scan or a checkpoint, and counts there', () => {
    const graph = graphOf((x) => {
      const { ys } = scan({ carry: { c: zeros([3]) }, xs: { x } }, ({ carry, x: step }) => {
        const c = carry.c.add(step.x.mul(w('inside'))).add(w('cut').stopGradient());
        return { carry: { c }, y: { c } };
      });
      const { y } = checkpoint({ c: ys.c }, ({ c }) => ({ y: linear('out', 2)(c) }));
      return { loss: y.sum() };
    });
    expect(parametersReached(graph.spec, 'loss')).toEqual(['inside', 'out/bias', 'out/weight']);
  });
});

describe('a loss that depends on no parameter', () => {
  it.each<[string, (x: g.Tensor) => g.Tensor]>([
    ['because it is made of inputs only', (x) => x.sum()],
    ['because of stopGradient', (x) => x.mul(w('w')).stopGradient().sum()],
    ['because of argmax', (x) => x.mul(w('w')).argmax(0).to('float32').sum()],
    ['because of a comparison', (x) => x.mul(w('w')).gt(0).to('float32').mean()],
  ])('is refused at its line: %s', (_, loss) => {
    const graph = graphOf((x) => ({ loss: loss(x) }));
    expect(() => checkLoss(graph, 'loss')).toThrow(
      expect.objectContaining({
        code: 'GRAPH_NO_GRADIENT',
        message: expect.stringMatching(
          /its loss "loss" must depend on a parameter.*\n +at .*bad-graphs\.test\.ts:\d+:\d+$/,
        ) as string,
      }),
    );
  });
});
