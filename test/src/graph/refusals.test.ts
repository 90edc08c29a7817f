/** What the tracer refuses, and how it says so. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as g from '../../../src/graph/index.ts';
import { GraphError, parameter, scan, scope, tensorSpec, trace, zeros } from '../../../src/graph/index.ts';
import type { Tensor } from '../../../src/graph/index.ts';
import { constant, linear } from '../../../src/nn/index.ts';

const lines = readFileSync(import.meta.filename, 'utf8').split('\n');

/** The error of a program over x float32 [2, 3], y float32 [4, 5] and i int64 [2]. */
function refusal(program: (given: { x: Tensor; y: Tensor; i: Tensor }) => unknown): GraphError {
  const inputs = { x: tensorSpec([2, 3]), y: tensorSpec([4, 5]), i: tensorSpec([2], 'int64') };
  try {
    trace('refused', inputs, program as (given: object) => g.Outputs);
  } catch (error) {
    if (error instanceof GraphError) return error;
    throw error;
  }
  throw new Error('the program must be refused, but it was traced.');
}

/** The first place that a message quotes: line and column, the quoted source, and what stands over the caret. */
function placeOf(error: GraphError) {
  const [, at, quoted, caret] =
    /\n {4}at (.*)\n( {8}.*)\n( *\^)/.exec(error.message) ?? expect.fail(`no place in: ${error.message}`);
  const [, file, line] = /^(.*):(\d+):\d+$/.exec(at!)!;
  return { file, line: Number(line), under: quoted!.slice(caret!.length - 1), quoted: quoted!.trim() };
}

describe('a shape that does not fit', () => {
  it('is told with the op, both shapes, where both tensors come from, and a caret under the call', () => {
    const error = refusal(({ x, y }) => {
      const grown = x.exp();
      return { sum: grown.add(y) };
    });
    expect(error.code).toBe('GRAPH_SHAPE');
    expect(error.message).toContain('add: cannot broadcast [2, 3] with [4, 5]');
    expect(error.message).toMatch(/\[2, 3\] float32 is the result of exp at .*refusals\.test\.ts:\d+:\d+/);
    expect(error.message).toContain('[4, 5] float32 is input "y"');
    const place = placeOf(error);
    expect(place.file).toBe('test/src/graph/refusals.test.ts');
    expect(lines[place.line - 1]).toContain('grown.add(y)');
    expect(place.under).toMatch(/^add\(y\)/);
    expect(error.remedy).not.toBe('');
  });

  it('names parameters with the line of their declaration', () => {
    const error = refusal(({ x }) => ({ y: x.add(scope('a', () => parameter('bias', [4], constant(0)))) }));
    expect(error.code).toBe('GRAPH_SHAPE');
    expect(error.message).toMatch(/parameter "a\/bias", declared at .*refusals\.test\.ts:\d+:\d+/);
  });

  it('names the line of the author, not that of a layer', () => {
    const error = refusal(({ x }) => ({ y: linear('out', 4)(x).matmul(x) }));
    expect(placeOf(error).under).toMatch(/^matmul\(x\)/);
    const inside = refusal(({ i }) => ({ y: linear('out', 4)(i) }));
    expect(inside.code).toBe('GRAPH_DTYPE');
    expect(placeOf(inside).quoted).toContain("linear('out', 4)(i)");
  });

  it.each<[string, (given: { x: Tensor; y: Tensor; i: Tensor }) => Tensor]>([
    ['matmul: inner dimensions differ: [2, 3] @ [4, 5] (3 vs 4)', ({ x, y }) => x.matmul(y)],
    ['reshape: cannot reshape [2, 3] (6 elements) to [4]', ({ x }) => x.reshape([4])],
    ['reshape: cannot reshape [2, 3] (6 elements) to [-1, 4]', ({ x }) => x.reshape([-1, 4])],
    ['expand: cannot expand [2, 3] to [2, 4]', ({ x }) => x.expand([2, 4])],
    ['select: index 2 is out of range for dimension 0 of size 2', ({ x }) => x.select(0, 2)],
    ['cat: inputs must agree outside dimension 0', ({ x, y }) => g.cat([x, y], 0)],
    ['stack: inputs must have one shape', ({ x, y }) => g.stack([x, y], 0)],
    ['linear: the last dimension of [2, 3] must be 5', ({ x, y }) => g.affine(x, y, null)],
    ['conv2d: input must have 4 dimensions, got [2, 3]', ({ x, y }) => g.convolve(x, y, null)],
    [
      'max_pool2d: a window of 5 (padding 0) does not fit into 2',
      ({ x }) => g.maxPool2d(x.reshape([1, 1, 2, 3]), 5),
    ],
    [
      'layer_norm: weight and bias must be [3], got [2]',
      ({ x }) => g.normalizeLayer(x, zeros([2]), zeros([2]), 1e-5),
    ],
    ['gather: index [2] does not fit into [2, 3]', ({ x, i }) => x.gather(0, i)],
    ['diagonal: input must have at least 2 dimensions', ({ i }) => i.diagonal()],
    ['linalg_qr: input must have at least 2 dimensions', ({ x }) => g.qr(x.select(0, 0)).q],
  ])('is refused: %s', (message, program) => {
    const error = refusal((given) => ({ out: program(given) }));
    expect(error.message).toContain(message);
    expect(error.code).toBe('GRAPH_SHAPE');
  });
});

describe('a dtype that does not fit', () => {
  it.each<[string, (given: { x: Tensor; y: Tensor; i: Tensor }) => Tensor]>([
    ['matmul: inputs must have one dtype, got float32 and int64', ({ x, i }) => x.transpose(0, 1).matmul(i)],
    ['mean: input must be floating, got int64', ({ i }) => i.mean()],
    ['where: condition must be bool, got float32', ({ x }) => g.where(x, 1, 0)],
    ['gather: index must be int64, got float32', ({ x }) => x.gather(0, x)],
    ['logical_and: input must be bool, got float32', ({ x }) => x.logicalAnd(x)],
    ['sub: subtraction of bool is not defined', ({ x }) => x.gt(0).sub(x.gt(1))],
    ['neg: input must be a number, got bool', ({ x }) => x.gt(0).neg()],
    ['random_uniform: key must be key, got float32', ({ x }) => g.randomUniform(x, [2])],
    ['linalg_qr: input must be float32 or float64, got float16', ({ x }) => g.qr(x.to('float16')).r],
  ])('is refused: %s', (message, program) => {
    const error = refusal((given) => ({ out: program(given) }));
    expect(error.message).toContain(message);
    expect(error.code).toBe('GRAPH_DTYPE');
    expect(placeOf(error).file).toContain('refusals.test.ts');
  });

  it('keeps random keys out of arithmetic', () => {
    const withKey = (program: (key: Tensor) => Tensor) => () =>
      trace('keyed', { key: g.keySpec }, ({ key }) => ({ y: program(key) }));
    expect(withKey((key) => key.add(1))).toThrow(/a random key is no number/);
    expect(withKey((key) => key.exp())).toThrow(/a random key is no number/);
    expect(withKey((key) => key.to('int64'))).toThrow(/a random key cannot be cast/);
    expect(withKey((key) => key.sum())).toThrow(/key/);
  });
});

describe('an argument that does not fit', () => {
  it.each<[string, (given: { x: Tensor }) => Tensor]>([
    ['sum: dimension must be an integer in [-2, 1], got 2', ({ x }) => x.sum(2)],
    ['sum: dimensions must differ, got [0, -2]', ({ x }) => x.sum([0, -2])],
    ['softmax: dimension must be an integer in [-2, 1], got 0.5', ({ x }) => x.softmax(0.5)],
    ['permute: the order must name all 2 dimensions', ({ x }) => x.permute([0])],
    ['reshape: at most one dimension may be -1', ({ x }) => x.reshape([-1, -1])],
    ['slice: step must be a positive integer, got 0', ({ x }) => x.slice(0, 0, 2, 0)],
    ['clamp: at least one of min and max is required', ({ x }) => x.clamp(null, null)],
    [
      'max_pool2d: padding must be at most half the kernel',
      ({ x }) => g.maxPool2d(x.reshape([1, 1, 2, 3]), 2, { padding: 2 }),
    ],
  ])('is refused: %s', (message, program) => {
    const error = refusal((given) => ({ out: program(given) }));
    expect(error.message).toContain(message);
    expect(error.code).toBe('GRAPH_ARGUMENT');
  });
});

describe('a tensor of another trace', () => {
  it('is refused in a scan body when it comes from outside, with the way to pass it', () => {
    const error = refusal(({ x, y }) => {
      const { ys } = scan({ carry: { c: zeros([3]) }, xs: { x } }, ({ carry, x: step }) => {
        const c = carry.c.add(step.x).add(y.sum());
        return { carry: { c }, y: { c } };
      });
      return { out: ys.c };
    });
    expect(error.code).toBe('GRAPH_CAPTURE');
    expect(error.message).toContain('captured from the enclosing trace (input "y")');
    expect(error.remedy).toBe('Pass it to scan in `constants`.');
    expect(placeOf(error).under).toMatch(/^sum\(\)/);
  });

  it('is refused when its trace has ended', () => {
    let kept: Tensor | undefined;
    trace('first', { x: tensorSpec([2]) }, ({ x }) => {
      kept = x.exp();
      return { y: kept };
    });
    const error = refusal(() => ({ out: kept!.neg() }));
    expect(error.code).toBe('GRAPH_CAPTURE');
    expect(error.message).toContain('a trace that has ended (the result of exp at');
    expect(error.remedy).toBe('Make it an input of the traced function.');
  });

  it('is refused as an output', () => {
    let kept: Tensor | undefined;
    trace('first', { x: tensorSpec([2]) }, ({ x }) => ({ y: (kept = x) }));
    const error = refusal(() => ({ out: kept }));
    expect(error.code).toBe('GRAPH_TRACE');
    expect(error.message).toContain('output "out" is a tensor of another trace');
  });

  it('may be a parameter in a scan body, which every step shares', () => {
    const graph = trace('shared', { x: tensorSpec([4, 2]) }, ({ x }) => {
      const outside = parameter('outside', [2], constant(1));
      const { ys } = scan({ carry: { c: zeros([2]) }, xs: { x } }, ({ carry, x: step }) => {
        const c = carry.c.add(step.x.mul(outside));
        return { carry: { c }, y: { c } };
      });
      return { out: ys.c };
    });
    expect(graph.spec.parameters.map(({ name }) => name)).toEqual(['outside']);
  });
});

describe('a use that JavaScript would let pass', () => {
  it.each<[string, (x: Tensor) => unknown]>([
    ['tensor + 1', (x) => (x as unknown as number) + 1],
    ['1 - tensor', (x) => 1 - (x as unknown as number)],
    ['`${tensor}`', (x) => `${x as unknown as string}`],
    ['tensor < 1', (x) => (x as unknown as number) < 1],
    ['[...tensor]', (x) => [...(x as unknown as Iterable<number>)]],
    ['a loop over its elements', (x) => Array.from(x as unknown as Iterable<number>)],
    ['size() of a dimension that it lacks', (x) => x.size(2)],
  ])('is refused with GRAPH_TRACE: %s', (_, use) => {
    const error = refusal(({ x }) => ({ out: use(x) }));
    expect(error.code).toBe('GRAPH_TRACE');
    expect(placeOf(error).file).toContain('refusals.test.ts');
  });

  it('is refused with GRAPH_TRACE: await tensor', async () => {
    let caught: unknown;
    let pending: Promise<unknown> | undefined;
    trace('awaited', { x: tensorSpec([2]) }, ({ x }) => {
      pending = (async () => await (x as unknown as Promise<unknown>))().catch(
        (error: unknown) => (caught = error),
      );
      return { x };
    });
    await pending;
    expect(caught).toBeInstanceOf(GraphError);
    expect(caught).toMatchObject({ code: 'GRAPH_TRACE' });
    expect((caught as GraphError).message).toContain('cannot be awaited');
  });

  it.each<[string, () => unknown, string]>([
    ['an async function', async () => Promise.resolve({}), 'must not be async'],
    ['one that returns nothing', () => undefined, 'must return a record of named tensors'],
    ['one that returns a list', () => [], 'must return a record of named tensors'],
    ['one that returns no tensor at all', () => ({}), 'at least one output is required'],
    ['one that returns a number', () => ({ y: 3 }), 'output "y" must be a tensor, got number'],
  ])('is refused as a traced function: %s', (_, program, message) => {
    const error = refusal(program);
    expect(error.code).toBe('GRAPH_TRACE');
    expect(error.message).toContain(message);
  });

  it('is refused as a traced function: one that returns a bare tensor', () => {
    expect(refusal(({ x }) => x).message).toContain('must return a record of named tensors');
  });

  it('is refused outside a traced function, and after one has failed', () => {
    expect(() => refusal(() => expect.fail('stop'))).toThrow('stop');
    expect(() => zeros([2])).toThrow(/works only inside a traced function/);
    expect(() => parameter('w', [2], constant(0))).toThrow(/works only inside a traced function/);
  });

  it('is refused when a value that is no tensor comes in as one', () => {
    const error = refusal(({ x }) => ({ out: x.maximum(1 as unknown as Tensor) }));
    expect(error.code).toBe('GRAPH_TRACE');
    expect(error.message).toContain('maximum: every input must be a tensor of this trace, got 1');
  });
});

describe('a parameter name', () => {
  it('is refused the second time, with the line of the first', () => {
    const error = refusal(({ x }) => {
      const first = scope('a', () => parameter('w', [3], constant(0)));
      return { out: x.mul(first).mul(scope('a', () => parameter('w', [3], constant(0)))) };
    });
    expect(error.code).toBe('GRAPH_NAME');
    expect(error.message).toMatch(
      /parameter "a\/w": names must be unique, and one is declared at .*refusals\.test\.ts:\d+/,
    );
  });

  it('may come again in another scope', () => {
    const graph = trace('scopes', { x: tensorSpec([3]) }, ({ x }) => {
      const w = () => parameter('w', [3], constant(0));
      return { out: x.mul(scope('a', w)).mul(scope('b', w)).mul(w()) };
    });
    expect(graph.spec.parameters.map(({ name }) => name)).toEqual(['a/w', 'b/w', 'w']);
  });
});

describe('a scan', () => {
  const over = (body: (c: Tensor, x: Tensor) => Tensor, x = (given: Tensor) => given) =>
    refusal((given) => {
      const { ys } = scan({ carry: { c: zeros([3]) }, xs: { x: x(given.x) } }, ({ carry, x: step }) => {
        const c = body(carry.c, step.x);
        return { carry: { c }, y: { c } };
      });
      return { out: ys.c };
    });

  it('must keep the shape and the dtype of its carry', () => {
    const shape = over((c) => c.unsqueeze(0));
    expect(shape.code).toBe('GRAPH_SHAPE');
    expect(shape.message).toContain('carry "carry/c" must keep its shape [3], the body returns [1, 3]');
    const dtype = over((c) => c.gt(0));
    expect(dtype.code).toBe('GRAPH_DTYPE');
    expect(dtype.message).toContain('must stay float32, the body returns bool');
  });

  it('must get sequences of one length, at least 1', () => {
    expect(
      over(
        (c) => c,
        (x) => x.slice(0, 0, 0),
      ).message,
    ).toContain('got [0, 3]');
    const uneven = refusal(({ x, y }) => {
      const { carry } = scan({ carry: { c: zeros([]) }, xs: { x, y } }, ({ carry: c }) => ({
        carry: c,
        y: {},
      }));
      return { out: carry.c };
    });
    expect(uneven.code).toBe('GRAPH_SHAPE');
    expect(uneven.message).toContain('got [2, 3], [4, 5]');
  });

  it('must get every carry back', () => {
    const error = refusal(({ x }) => {
      const { carry } = scan({ carry: { a: zeros([]), b: zeros([]) }, xs: { x } }, ({ carry: c }) => ({
        carry: { a: c.a } as typeof c,
        y: {},
      }));
      return { out: carry.b };
    });
    expect(error.code).toBe('GRAPH_ARGUMENT');
    expect(error.message).toContain('the body must return every carry (a, b), got a');
  });
});
