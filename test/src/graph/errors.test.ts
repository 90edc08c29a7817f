/** Errors of the tracer point at the author's line, and misuse is refused with a mend. */
import { describe, expect, it } from 'vitest';
import {
  GraphError,
  parameter,
  scan,
  scope,
  type Tensor,
  tensorSpec,
  trace,
  zeros,
} from '../../../src/graph/index.ts';
import { constant, linear } from '../../../src/nn/index.ts';

function errorOf(program: () => unknown): GraphError {
  try {
    program();
  } catch (error) {
    if (error instanceof GraphError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Tracing a program with x [2, 3] and y [2, 4]. */
const tracing = (program: (x: Tensor, y: Tensor) => unknown) =>
  errorOf(() =>
    trace(
      'model',
      { x: tensorSpec([2, 3]), y: tensorSpec([2, 4]) },
      ({ x, y }) => program(x, y) as Record<string, Tensor>,
    ),
  );

/** Lines of messages without the position in this file, which every edit moves. */
const stable = (error: GraphError) =>
  error.message.replaceAll(/errors\.test\.ts:\d+:\d+/g, 'errors.test.ts:L:C');

describe('a shape error', () => {
  it("quotes the author's line with a caret, and says where both operands came from", () => {
    const error = tracing((x, y) => {
      const a = x.relu();
      const b = y.mul(2);
      return { z: a.add(b) };
    });
    expect(error.code).toBe('GRAPH_SHAPE');
    expect(error.remedy).toBe('Reshape, transpose or broadcast one of the inputs so that the shapes fit.');
    expect(stable(error)).toMatchInlineSnapshot(`
      "add: cannot broadcast [2, 3] with [2, 4]: dimension -1 is 3 vs 4
          [2, 3] float32 is the result of relu at test/src/graph/errors.test.ts:L:C
          [2, 4] float32 is the result of mul at test/src/graph/errors.test.ts:L:C
          at test/src/graph/errors.test.ts:L:C
              return { z: a.add(b) };
                            ^"
    `);
  });

  it('names inputs and parameters by name', () => {
    const error = tracing((x) => ({ z: x.add(scope('layer', () => parameter('bias', [5], constant(0)))) }));
    expect(stable(error)).toMatchInlineSnapshot(`
      "add: cannot broadcast [2, 3] with [5]: dimension -1 is 3 vs 5
          [2, 3] float32 is input "x"
          [5] float32 is parameter "layer/bias", declared at test/src/graph/errors.test.ts:L:C
          at test/src/graph/errors.test.ts:L:C
              const error = tracing((x) => ({ z: x.add(scope('layer', () => parameter('bias', [5], constant(0)))) }));
                                                   ^"
    `);
  });

  it('inside a scan body points at the line in the body', () => {
    const error = tracing((x) =>
      scan({ carry: { h: zeros([4]) }, xs: { x } }, ({ carry, x: now }) => {
        const h = carry.h.add(now.x);
        return { carry: { h }, y: { h } };
      }),
    );
    expect(stable(error)).toMatchInlineSnapshot(`
      "add: cannot broadcast [4] with [3]: dimension -1 is 4 vs 3
          [4] float32 is input "carry/h"
          [3] float32 is input "x/x"
          at test/src/graph/errors.test.ts:L:C
              const h = carry.h.add(now.x);
                                ^"
    `);
  });

  it('in a layer points at the line that applied the layer', () => {
    const error = tracing((x, y) => {
      const layer = linear('shared', 8);
      layer(x);
      return { z: scope('again', () => layer(y)).add(x) };
    });
    expect(stable(error)).toMatchInlineSnapshot(`
      "add: cannot broadcast [2, 8] with [2, 3]: dimension -1 is 8 vs 3
          [2, 8] float32 is the result of linear at test/src/graph/errors.test.ts:L:C
          [2, 3] float32 is input "x"
          at test/src/graph/errors.test.ts:L:C
              return { z: scope('again', () => layer(y)).add(x) };
                                                         ^"
    `);
  });

  it('puts the caret under the call', () => {
    const error = tracing((x, y) => ({ z: x.add(y) }));
    const lines = error.message.split('\n');
    const caret = lines.findIndex((line) => /^ *\^$/.test(line));
    const column = lines[caret]?.indexOf('^');
    expect(lines[caret - 1]?.slice(column)).toMatch(/^add\(y\)/);
  });
});

describe('a traced tensor', () => {
  it.each<[string, (x: Tensor) => unknown, string]>([
    ['x + 1', (x) => ({ z: (x as unknown as number) + 1 }), 'Write a.add(b)'],
    ['x > 0', (x) => ({ z: (x as unknown as number) > 0 ? x : x }), 'Write a.add(b)'],
    ['-x', (x) => ({ z: -x }), 'Write a.add(b)'],
    ['`${x}`', (x) => ({ z: `${x as unknown as string}` }), 'Print tensor.shape'],
    ['[...x]', (x) => ({ z: [...(x as unknown as Iterable<number>)] }), 'Use select(dim, index)'],
    [
      'const [first] = x',
      (x) => {
        const [first] = x as unknown as readonly Tensor[];
        return { z: first };
      },
      'Use select(dim, index)',
    ],
    ['size(5)', (x) => ({ z: x.size(5) }), 'Name a dimension it has'],
  ])('refuses %s, which would need its value', (_, program, mend) => {
    const error = tracing(program);
    expect(error.code).toBe('GRAPH_TRACE');
    expect(error.remedy).toContain(mend);
    expect(error.message).toContain('errors.test.ts');
  });

  it('refuses to be awaited', async () => {
    let awaited: Promise<unknown> = Promise.resolve();
    trace('model', { x: tensorSpec([2]) }, ({ x }) => {
      awaited = (async () => (await (x as unknown as Promise<Tensor>)).relu())();
      return { x };
    });
    await expect(awaited).rejects.toMatchObject({
      code: 'GRAPH_TRACE',
      message: expect.stringContaining('cannot be awaited') as string,
    });
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['text', 'y'],
    ['an array', [1, 2]],
  ])('refuses %s as an operand', (_, operand) => {
    const error = tracing((x) => ({ z: x.add(operand as Tensor) }));
    expect(error).toMatchObject({ code: 'GRAPH_TRACE' });
    expect(error.message).toContain('every input must be a tensor of this trace');
  });
});

describe('a traced function', () => {
  it.each<[string, (x: Tensor) => unknown, string]>([
    ['async', async (x) => Promise.resolve({ z: x }), 'must not be async'],
    ['a single tensor', (x) => x, 'must return a record of named tensors'],
    ['a list', (x) => [x], 'must return a record of named tensors'],
    ['nothing', () => undefined, 'must return a record of named tensors'],
    ['no output', () => ({}), 'at least one output is required'],
    ['a number', () => ({ z: 3 }), 'output "z" must be a tensor, got number'],
  ])('that returns %s is refused at the line of trace()', (_, program, message) => {
    const error = tracing(program);
    expect(error.code).toBe('GRAPH_TRACE');
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/errors\.test\.ts:\d+/);
  });

  it('leaves the tracer usable when it throws', () => {
    expect(() =>
      trace('broken', { x: tensorSpec([1]) }, () => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
    expect(() => zeros([2])).toThrow(expect.objectContaining({ code: 'GRAPH_TRACE' }) as Error);
    expect(trace('whole', { x: tensorSpec([1]) }, ({ x }) => ({ x })).spec.outputs).toHaveLength(1);
  });
});

describe('a tensor of another trace', () => {
  it('is refused inside a scan body, which must be given it in `constants`', () => {
    const error = tracing((x, y) =>
      scan({ carry: { h: zeros([4]) }, xs: { x } }, ({ carry }) => {
        const h = carry.h.add(y.select(0, 0));
        return { carry: { h }, y: { h } };
      }),
    );
    expect(error.code).toBe('GRAPH_CAPTURE');
    expect(error.message).toContain('captured from the enclosing trace (input "y")');
    expect(error.remedy).toBe('Pass it to scan in `constants`.');
  });

  it('is refused as the result of a scan body', () => {
    const error = tracing((x, y) => scan({ carry: {}, xs: { x } }, () => ({ carry: {}, y: { y } })));
    expect(error.message).toContain('output "y/y" is a tensor of another trace');
  });

  it('is refused after that trace has ended', () => {
    const kept: Tensor[] = [];
    trace('former', { x: tensorSpec([2, 3]) }, ({ x }) => {
      kept.push(x.relu());
      return { x };
    });
    const error = tracing((x) => ({ z: x.add(kept[0] as Tensor) }));
    expect(error.code).toBe('GRAPH_CAPTURE');
    expect(error.message).toContain('of a trace that has ended (the result of relu at');
    expect(tracing(() => ({ z: kept[0] as Tensor })).message).toContain(
      'output "z" is a tensor of another trace',
    );
  });
});

describe('a parameter name', () => {
  it('may be used once; the error names both places', () => {
    const error = tracing((x) => {
      linear('dense', 3)(x);
      return { z: linear('dense', 3)(x) };
    });
    expect(error.code).toBe('GRAPH_NAME');
    expect(error.message).toMatch(
      /parameter "dense\/weight": names must be unique, and one is declared at \S+errors\.test\.ts:\d+:\d+ already/,
    );
    expect(error.remedy).toBe('Give this layer another name, or wrap it in scope("...").');
  });

  it('is shared by all steps of a scan, and taken in the whole trace', () => {
    const error = tracing((x) => {
      const { ys } = scan({ carry: {}, xs: { x } }, ({ x: now }) => ({
        carry: {},
        y: { z: now.x.mul(parameter('w', [3], constant(1))) },
      }));
      return { z: ys.z.add(parameter('w', [3], constant(1))) };
    });
    expect(error.code).toBe('GRAPH_NAME');
  });
});
