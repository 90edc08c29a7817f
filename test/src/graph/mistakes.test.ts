/** The catalogue of JavaScript mistakes: what each says to write instead, at the author's line. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as g from '../../../src/graph/index.ts';
import {
  checkpoint,
  GraphError,
  parameter,
  scan,
  tensorSpec,
  trace,
  zeros,
  type Tensor,
} from '../../../src/graph/index.ts';
import { constant } from '../../../src/nn/index.ts';

type Loose = Record<string, never> & ((...all: unknown[]) => unknown);

/** The error that a use of x float32 [2, 3] ends in. */
function refusal(use: (x: Tensor, loose: Loose) => unknown): GraphError {
  try {
    trace('mistaken', { x: tensorSpec([2, 3]) }, ({ x }) => ({ y: use(x, x as unknown as Loose) as Tensor }));
  } catch (error) {
    if (error instanceof GraphError) return error;
    throw error;
  }
  throw new Error('the mistake must be refused, but it was traced.');
}

describe('a mistake is refused with GRAPH_TRACE and the sentence that says what to write', () => {
  it.each<[string, (x: Tensor, loose: Loose) => unknown, RegExp]>([
    ['x + 1', (x) => (x as never as number) + 1, /Write a\.add\(b\)/],
    ['x * x', (x) => (x as never as number) * (x as never as number), /a\.mul\(2\)/],
    ['x < 1', (x) => (x as never as number) < 1, /a\.gt\(0\)/],
    ['`${x}`', (x) => `${x as never}`, /Print tensor\.shape/],
    ['Math.max(x, 0)', (x) => Math.max(x as never, 0), /Write a\.add\(b\)/],
    ['[...x]', (x) => [...(x as never as number[])], /select\(dim, index\) or slice/],
    [
      'for (const row of x)',
      (x) => {
        for (const row of x as never as number[]) return row;
        return null;
      },
      /slice\(dim, start, end\)/,
    ],
    [
      'const [a] = x',
      (x) => {
        const [a] = x as never as number[];
        return a;
      },
      /select\(dim, index\)/,
    ],
    ['JSON.stringify(x)', (x) => JSON.stringify(x), /shape: tensor\.shape/],
    ['x[0]', (_, loose) => loose[0 as never], /^Write x\.select\(0, 0\)\.$/],
    ['x[-1]', (_, loose) => loose[-1 as never], /^Write x\.select\(0, -1\)\.$/],
    ["x['1:3']", (_, loose) => loose['1:3'], /^Write x\.slice\(0, 1, 3\)\.$/],
    ["x[':-1']", (_, loose) => loose[':-1'], /^Write x\.slice\(0, 0, -1\)\.$/],
    ['x[0] = 1', (x) => ((x as never as number[])[0] = 1), /scatter, indexPut or where/],
    ['x.T', (_, loose) => loose.T, /x\.transpose\(0, 1\)/],
    ['x.view([6])', (_, loose) => (loose.view as never as Loose)([6]), /x\.reshape\(shape\)/],
    ['x.item()', (_, loose) => (loose.item as never as Loose)(), /read it from the results/],
    ['x.length', (_, loose) => loose['length'], /x\.size\(0\)/],
    ['x.map(...)', (_, loose) => (loose.map as never as Loose)(() => 1), /all elements at once/],
    ['x.add_(1)', (_, loose) => (loose.add_ as never as Loose)(1), /nothing changes a tensor in place/],
    [
      'const f = x.add; f(1)',
      (x) => {
        const f = x.exp as () => Tensor;
        return f();
      },
      /^Write x\.exp\(\.\.\.\)/,
    ],
    ['[1].map(x.add)', (x) => [1].map(x.add)[0], /\(y\) => x\.add\(y\)/],
    ['new Promise', () => Promise.resolve(1), /Return traced tensors only/],
  ])('%s', (_, use, remedy) => {
    const error = refusal(use);
    expect(error.code).toBe('GRAPH_TRACE');
    expect(error.remedy).toMatch(remedy);
    expect(error.message).toMatch(/at .*mistakes\.test\.ts:\d+:\d+\n.*\n +\^/);
  });

  it('await x, in a function that is not async for the tracer', async () => {
    let pending: Promise<unknown> = Promise.resolve();
    trace('awaited', { x: tensorSpec([2]) }, ({ x }) => {
      // eslint-disable-next-line @typescript-eslint/await-thenable
      pending = (async () => await x)();
      return { x };
    });
    await expect(pending).rejects.toMatchObject({ code: 'GRAPH_TRACE', remedy: 'Leave out await.' });
  });

  it.each<[string, () => unknown]>([
    ['trace', () => trace('t', { x: tensorSpec([2]) }, (async () => ({})) as never)],
    [
      'scan',
      () =>
        trace('t', { x: tensorSpec([2]) }, ({ x }) => ({
          y: scan({ carry: {}, xs: { x } }, (async () => ({})) as never).ys as never,
        })),
    ],
    [
      'checkpoint',
      () => trace('t', { x: tensorSpec([2]) }, ({ x }) => checkpoint({ x }, (async () => ({})) as never)),
    ],
  ])('an async function given to %s', (_, make) => {
    expect(make).toThrow(
      expect.objectContaining({
        code: 'GRAPH_TRACE',
        remedy: expect.stringContaining('Leave out async') as string,
      }),
    );
  });
});

describe('a tensor', () => {
  it('has methods of objects, and undefined where nobody could mean a tensor operation', () => {
    trace('plain', { x: tensorSpec([2]) }, ({ x }) => {
      const loose = x as unknown as Record<string | symbol, unknown>;
      expect(loose['nodeType']).toBeUndefined();
      expect(loose[Symbol.toStringTag]).toBeUndefined();
      expect(x.hasOwnProperty('shape')).toBe(true);
      expect(x instanceof g.Tensor && x instanceof Object).toBe(true);
      return { x };
    });
  });

  it('is shown by console.log with its shape, dtype and origin', () => {
    trace('shown', { x: tensorSpec([2, 3]) }, ({ x }) => {
      expect(inspect(x)).toBe('Tensor float32[2, 3] (input "x")');
      expect(inspect({ y: x.exp() })).toContain('Tensor float32[2, 3] (result of aten.exp.default)');
      return { x };
    });
  });
});

describe('a list that changes after it was given', () => {
  it('changes nothing: shapes, attributes and inputs are copied', () => {
    const shape = [2, 3];
    const spec = { shape, dtype: 'float32' as const };
    const graph = trace('copied', { x: spec }, ({ x }) => {
      shape.push(9);
      const [dims, sizes, values, parts, weights] = [[0], [6], [1, 2], [x, x], [2]];
      const w = parameter('w', weights, constant(0));
      const made = {
        sum: x.sum(dims),
        flat: x.reshape(sizes),
        literal: g.constantOf(values),
        joined: g.cat(parts, 0),
        w: w.exp(),
      };
      for (const list of [dims, sizes, values, weights] as unknown[][]) list.push(7);
      parts.pop();
      return made;
    });
    expect(graph.text()).toMatchInlineSnapshot(`
      "graph copied
        input x: float32[2, 3]
        parameter w: float32[2]
        %0: float32[3] = sum(x, dims=[0], keepdim=false)
        %1: float32[6] = reshape(x, shape=[6])
        %2: float32[2] = constant(values=[1, 2], shape=[2], dtype=float32)
        %3: float32[4, 3] = cat([x, x], dim=0)
        %4: float32[2] = exp(w)
        return sum=%0, flat=%1, literal=%2, joined=%3, w=%4"
    `);
  });

  it('cannot be the shape of a tensor', () => {
    trace('frozen', { x: tensorSpec([2, 3]) }, ({ x }) => {
      expect(() => (x.shape as unknown as number[]).reverse()).toThrow(TypeError);
      expect(() => (x.exp().shape as unknown as number[]).push(1)).toThrow(TypeError);
      return { x };
    });
  });
});

describe('a value outside its trace', () => {
  it('is refused after the end: there is no trace to record it', () => {
    let kept: Tensor | undefined;
    trace('ended', { x: tensorSpec([2]) }, ({ x }) => ({ y: (kept = x) }));
    expect(() => kept?.exp()).toThrow(expect.objectContaining({ code: 'GRAPH_TRACE' }));
  });

  it('is refused in the body of a checkpoint, with the way to pass it', () => {
    const error = refusal((x) => checkpoint({ x }, () => ({ y: x.exp() })).y);
    expect(error.code).toBe('GRAPH_CAPTURE');
    expect(error.remedy).toContain('inputs');
  });

  it('is refused in a trace within a trace', () => {
    const error = refusal((x) => {
      trace('inner', { z: tensorSpec([2, 3]) }, ({ z }) => ({ y: z.add(x) }));
      return zeros([1]);
    });
    expect(error.code).toBe('GRAPH_CAPTURE');
  });
});
