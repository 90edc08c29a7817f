/** The text form of graphs: what the worker will be asked to run, one line a node. */
import { describe, expect, it } from 'vitest';
import {
  cat,
  parameter,
  scan,
  scope,
  tensorSpec,
  trace,
  zeros,
  type Graph,
} from '../../../src/graph/index.ts';
import { constant, linear } from '../../../src/nn/index.ts';

function running(length: number): Graph {
  const inputs = { rewards: tensorSpec([length, 2]), decay: tensorSpec([2]) };
  return trace('running', inputs, ({ rewards, decay }) => {
    const { carry, ys } = scan(
      { carry: { sum: zeros([2]) }, xs: { rewards }, constants: { decay }, reverse: true },
      ({ carry: before, x, constants }) => {
        const gain = parameter('gain', [2], constant(1));
        const sum = before.sum.mul(constants.decay).add(x.rewards.mul(gain));
        return { carry: { sum }, y: { sum, halved: sum.mul(0.5) } };
      },
    );
    return { sums: ys.sum, halved: ys.halved, last: carry.sum };
  });
}

describe('the text of a graph', () => {
  it('lists inputs, parameters by name, one line a node, and the outputs', () => {
    const graph = trace('head', { x: tensorSpec([3, 4]), done: tensorSpec([3], 'bool') }, ({ x, done }) => {
      const hidden = scope('policy', () => linear('out', 2)(x).relu());
      const masked = hidden.mul(done.logicalNot().to('float32').unsqueeze(-1));
      return { logits: cat([masked, hidden], -1), best: masked.argmax(-1), mean: hidden.mean() };
    });
    expect(graph.text()).toMatchInlineSnapshot(`
      "graph head
        input x: float32[3, 4]
        input done: bool[3]
        parameter policy/out/bias: float32[2]
        parameter policy/out/weight: float32[2, 4]
        %0: float32[3, 2] = linear(x, policy/out/weight, policy/out/bias)
        %1: float32[3, 2] = relu(%0)
        %2: bool[3] = logical_not(done)
        %3: float32[3] = to(%2, float32)
        %4: float32[3, 1] = unsqueeze(%3, dim=-1)
        %5: float32[3, 2] = mul(%1, %4)
        %6: float32[3, 4] = cat([%5, %1], dim=-1)
        %7: int64[3] = argmax(%5, dim=-1, keepdim=false)
        %8: float32[] = mean(%1, dims=[], keepdim=false)
        return logits=%6, best=%7, mean=%8"
    `);
  });

  it('shows the body of a scan under its node, with the carry, one step of x and the constants as inputs', () => {
    expect(running(5).text()).toMatchInlineSnapshot(`
      "graph running
        input rewards: float32[5, 2]
        input decay: float32[2]
        parameter gain: float32[2]
        %0: float32[2] = full(shape=[2], value=0, dtype=float32)
        %1: float32[2], %2: float32[5, 2], %3: float32[5, 2] = scan(%0, rewards, decay, gain) length=5 num_carry=1 num_xs=1 num_constants=1 reverse=true
          body running.scan
            input carry/sum: float32[2]
            input x/rewards: float32[2]
            input constant/decay: float32[2]
            parameter gain: float32[2]
            %0: float32[2] = mul(carry/sum, constant/decay)
            %1: float32[2] = mul(x/rewards, gain)
            %2: float32[2] = add(%0, %1)
            %3: float32[2] = mul(%2, 0.5)
            return carry/sum=%2, y/sum=%2, y/halved=%3
        return sums=%2, halved=%3, last=%1"
    `);
  });

  it('leaves out nodes and parameters that no output needs', () => {
    const graph = trace('lean', { x: tensorSpec([2]) }, ({ x }) => {
      const unused = x.exp().mul(parameter('unused', [2], constant(0)));
      unused.sum();
      return { y: x.neg() };
    });
    expect(graph.text()).toMatchInlineSnapshot(`
      "graph lean
        input x: float32[2]
        %0: float32[2] = neg(x)
        return y=%0"
    `);
    expect(graph.declarations.map(({ name }) => name)).toEqual(['unused']);
  });

  it('keeps inputs that no output needs, because callers bind them by name', () => {
    const graph = trace('inputs', { x: tensorSpec([2]), y: tensorSpec([3]) }, ({ x }) => ({ x }));
    expect(graph.text()).toMatchInlineSnapshot(`
      "graph inputs
        input x: float32[2]
        input y: float32[3]
        return x=x"
    `);
  });
});

describe('the hash of a graph', () => {
  const program = (changes: {
    shape?: readonly number[];
    slope?: number;
    output?: string;
    input?: string;
    scope?: string;
    name?: string;
  }) =>
    trace(
      changes.name ?? 'program',
      { [changes.input ?? 'x']: tensorSpec(changes.shape ?? [2, 3]) },
      (given) => {
        const x = Object.values(given)[0]!;
        const y = scope(changes.scope ?? 'inner', () => x.mul(changes.slope ?? 0).sum(-1));
        return { [changes.output ?? 'y']: y };
      },
    ).hash;

  it('is 32 hexadecimal digits and the same on every machine', () => {
    expect(program({})).toMatchInlineSnapshot(`"8e1f613c74f87a4dbf227efcd4169452"`);
    expect(running(5).hash).toMatchInlineSnapshot(`"08ffd75b4553672855e5334421178e58"`);
  });

  it.each([
    ["the graph's name", { name: 'other' }],
    ['the scope of a node', { scope: 'elsewhere' }],
  ])('does not depend on %s', (_, change) => {
    expect(program(change)).toBe(program({}));
  });

  it('does not depend on the lines of the program', () => {
    const first = trace('lines', { x: tensorSpec([2]) }, ({ x }) => ({ y: x.exp().neg() }));
    const second = trace('lines', { x: tensorSpec([2]) }, ({ x }) => {
      const grown = x.exp();

      return { y: grown.neg() };
    });
    expect(first.spec.locs).not.toEqual(second.spec.locs);
    expect(first.hash).toBe(second.hash);
  });

  it('does not depend on the order in which parameters are declared', () => {
    const declared = (order: readonly ['a' | 'b', 'a' | 'b']) =>
      trace('order', { x: tensorSpec([2]) }, ({ x }) => {
        const made = Object.fromEntries(order.map((name) => [name, parameter(name, [2], constant(0))]));
        return { y: x.mul(made['a']!).add(made['b']!) };
      }).hash;
    expect(declared(['a', 'b'])).toBe(declared(['b', 'a']));
  });

  it('does not depend on nodes that no output needs', () => {
    const spare = (extra: boolean) =>
      trace('spare', { x: tensorSpec([2]) }, ({ x }) => {
        if (extra) x.exp();
        return { y: x.neg() };
      }).hash;
    expect(spare(true)).toBe(spare(false));
  });

  it.each([
    ['a shape', { shape: [2, 4] }],
    ['an attribute', { slope: 1 }],
    ['the sign of a zero', { slope: -0 }],
    ['an attribute that is no finite number', { slope: Infinity }],
    ['the name of an output', { output: 'z' }],
    ['the name of an input', { input: 'z' }],
  ])('changes with %s', (_, change) => {
    expect(program(change)).not.toBe(program({}));
  });

  it('tells NaN from infinity, which JSON would both write as null', () => {
    const hashes = [NaN, Infinity, -Infinity].map((slope) => program({ slope }));
    expect(new Set(hashes).size).toBe(3);
  });

  it('changes with a dtype, and with the body of a scan', () => {
    const typed = (dtype: 'int32' | 'int64') =>
      trace('typed', { x: tensorSpec([2], dtype) }, ({ x }) => ({ y: x.add(1) })).hash;
    expect(typed('int32')).not.toBe(typed('int64'));
    const bodied = (factor: number) =>
      trace('bodied', { x: tensorSpec([4, 2]) }, ({ x }) => {
        const { ys } = scan({ carry: { c: zeros([2]) }, xs: { x } }, ({ carry, x: step }) => {
          const c = carry.c.mul(factor).add(step.x);
          return { carry: { c }, y: { c } };
        });
        return { y: ys.c };
      }).hash;
    expect(bodied(0.5)).not.toBe(bodied(0.25));
  });
});
