/** Traced programs as text: a change of the tracer is read in these snapshots. */
import { describe, expect, it } from 'vitest';
import { keySpec, randomUniform, scan, tensorSpec, trace, where, zeros } from '../../../src/graph/index.ts';
import { linear } from '../../../src/nn/index.ts';

describe('the text of a graph', () => {
  it('has one line for each input, parameter and node, in order', () => {
    const graph = trace('model', { x: tensorSpec([2, 3]), is_first: tensorSpec([2], 'bool') }, (given) => {
      const y = linear('dense', 4)(given.x).relu();
      const z = where(given.is_first.unsqueeze(-1), 0, y).sum(-1, { keepdim: true });
      return { z, share: y.softmax(-1).clamp(null, 0.5), y };
    });
    expect(graph.text()).toMatchInlineSnapshot(`
      "graph model
        input x: float32[2, 3]
        input is_first: bool[2]
        parameter dense/bias: float32[4]
        parameter dense/weight: float32[4, 3]
        %0: float32[2, 4] = linear(x, dense/weight, dense/bias)
        %1: float32[2, 4] = relu(%0)
        %2: bool[2, 1] = unsqueeze(is_first, dim=-1)
        %3: float32[] = full(shape=[], value=0, dtype=float32)
        %4: float32[2, 4] = where(%2, %3, %1)
        %5: float32[2, 1] = sum(%4, dims=[-1], keepdim=true)
        %6: float32[2, 4] = softmax(%1, dim=-1)
        %7: float32[2, 4] = clamp(%6, min=null, max=0.5)
        return z=%5, share=%7, y=%1"
    `);
  });

  it('holds the body of a scan below its node', () => {
    const graph = trace('sums', { x: tensorSpec([5, 2]), start: tensorSpec([2]) }, ({ x, start }) => {
      const { carry, ys } = scan(
        { carry: { h: start }, xs: { x }, constants: { start }, reverse: true },
        ({ carry: before, x: now, constants }) => {
          const h = before.h.mul(0.5).add(linear('in', 2)(now.x)).sub(constants.start);
          return { carry: { h }, y: { before: before.h, size: h.square().sum() } };
        },
      );
      return { ...ys, last: carry.h };
    });
    expect(graph.text()).toMatchInlineSnapshot(`
      "graph sums
        input x: float32[5, 2]
        input start: float32[2]
        parameter in/bias: float32[2]
        parameter in/weight: float32[2, 2]
        %0: float32[2], %1: float32[5, 2], %2: float32[5] = scan(start, x, start, in/bias, in/weight) length=5 num_carry=1 num_xs=1 num_constants=1 reverse=true
          body sums.scan
            input carry/h: float32[2]
            input x/x: float32[2]
            input constant/start: float32[2]
            parameter in/bias: float32[2]
            parameter in/weight: float32[2, 2]
            %0: float32[2] = mul(carry/h, 0.5)
            %1: float32[2] = linear(x/x, in/weight, in/bias)
            %2: float32[2] = add(%0, %1)
            %3: float32[2] = sub(%2, constant/start)
            %4: float32[2] = mul(%3, %3)
            %5: float32[] = sum(%4, dims=[], keepdim=false)
            return carry/h=%3, y/before=carry/h, y/size=%5
        return before=%1, size=%2, last=%0"
    `);
  });

  it('shows random keys as inputs', () => {
    const graph = trace('noise', { key: keySpec }, ({ key }) => ({
      noise: randomUniform(key, [2]).add(zeros([], 'float64')),
    }));
    expect(graph.text()).toMatchInlineSnapshot(`
      "graph noise
        input key: key[]
        %0: float32[2] = random_uniform(key, shape=[2], dtype=float32)
        %1: float64[] = full(shape=[], value=0, dtype=float64)
        %2: float32[2] = add(%0, %1)
        return noise=%2"
    `);
  });
});

describe('a finished graph', () => {
  it('has no node, parameter or location that no output needs', () => {
    const graph = trace('model', { x: tensorSpec([2, 3]), unused: tensorSpec([1]) }, ({ x }) => {
      linear('lost', 8)(x.exp());
      return { y: linear('kept', 1, { bias: false })(x) };
    });
    expect(graph.spec.nodes.map((node) => node.op)).toEqual(['aten.linear.default']);
    expect(graph.spec.parameters.map(({ name }) => name)).toEqual(['kept/weight']);
    expect(graph.spec.locs).toHaveLength(1);
    expect(graph.spec.inputs.map(({ name }) => name)).toEqual(['x', 'unused']);
    expect(graph.declarations.map(({ name }) => name)).toEqual(['lost/weight', 'lost/bias', 'kept/weight']);
  });

  it('drops nodes of a scan body, and whole scans', () => {
    const graph = trace('model', { x: tensorSpec([4, 3]) }, ({ x }) => {
      const step = (name: string) =>
        scan({ carry: { h: zeros([3]) }, xs: { x } }, ({ carry, x: now }) => {
          linear(`${name}/lost`, 2)(now.x);
          return { carry: { h: carry.h.add(now.x) }, y: { h: carry.h } };
        });
      step('unread');
      return { y: step('read').ys.h };
    });
    const scans = graph.spec.nodes.filter((node) => node.op === 'srwm.scan');
    expect(scans.map((node) => node.body?.nodes.map(({ op }) => op))).toEqual([['aten.add.Tensor']]);
    expect(graph.spec.parameters).toEqual([]);
  });

  it("names the author's line and the scope of each node", () => {
    const graph = trace('model', { x: tensorSpec([2, 3]) }, ({ x }) => ({ y: linear('dense', 4)(x).relu() }));
    const places = graph.spec.nodes.map(({ op, loc, scope }) => [op, scope, graph.spec.locs[loc]]);
    const here = expect.stringMatching(/^test\/src\/graph\/print\.test\.ts:\d+:\d+$/) as string;
    expect(places).toEqual([
      ['aten.linear.default', 'dense', here],
      ['aten.relu.default', '', here],
    ]);
  });
});
