/** Rules that keep the tracer at least as strict as torch: what they let pass must run (see op-dtypes.test.ts). */
import { describe, expect, it } from 'vitest';
import * as g from '../../../src/graph/index.ts';
import { GraphError, keySpec, type Tensor, tensorSpec, trace } from '../../../src/graph/index.ts';

/** The first line of the error that a program ends in. */
function fault(
  program: (given: { readonly x: Tensor; readonly mask: Tensor; readonly key: Tensor }) => Tensor,
) {
  const inputs = { x: tensorSpec([2, 2]), mask: tensorSpec([2, 2], 'bool'), key: keySpec };
  try {
    trace('refused', inputs, (given) => ({ y: program(given) }));
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return `${error.code} ${error.message.split('\n')[0]}`;
  }
  throw new Error('the program was accepted');
}

describe('a rule', () => {
  it.each<[string, Parameters<typeof fault>[0]]>([
    ['sub: subtraction of bool is not defined', ({ mask }) => mask.sub(mask)],
    ['sub: subtraction of bool is not defined', ({ x, mask }) => x.sub(mask)],
    ['rsub: subtraction of bool is not defined', ({ mask }) => g.sub(1, mask)],
    ['argmax: input must be a number, got bool', ({ mask }) => mask.argmax(0)],
    ['matmul: input must be a number, got bool', ({ mask }) => mask.matmul(mask)],
    ['max_pool2d: input must be a number', ({ mask }) => g.maxPool2d(mask.reshape([1, 1, 2, 2]), 2)],
  ])('refuses bool where torch does: %s', (message, program) => {
    expect(fault(program)).toContain(`GRAPH_DTYPE ${message}`);
  });

  it.each<[string, (key: Tensor) => Tensor]>([
    ['lt', (key) => key.lt(1)],
    ['reshape', (key) => key.reshape([1])],
    ['amax', (key) => key.amax()],
    ['cumsum', (key) => key.cumsum(0)],
    ['logicalNot', (key) => key.logicalNot()],
    ['stack', (key) => g.stack([key, key], 0)],
    ['stopGradient', (key) => key.stopGradient()],
  ])('refuses a random key in %s', (_, program) => {
    expect(fault(({ key }) => program(key))).toMatch(/^GRAPH_(DTYPE|ARGUMENT) /);
  });

  it.each<[string, Parameters<typeof fault>[0]]>([
    ['reshape: the new shape must hold whole numbers of at least -1', ({ x }) => x.reshape([-2, -2])],
    ['expand: the new shape must hold whole numbers', ({ x }) => x.expand([1.5, 2, 2])],
    ['full: shape must hold whole numbers of at least 0, got [1.5]', () => g.full([1.5], 0)],
    ['arange: end must hold whole numbers of at least 0, got [-1]', () => g.arange(-1)],
    ['random_normal: shape must hold whole numbers', ({ key }) => g.randomNormal(key, [-1])],
  ])('refuses sizes that no tensor can have: %s', (message, program) => {
    expect(fault(program)).toContain(`GRAPH_ARGUMENT ${message}`);
  });

  it('gives a new dimension of expand no size to keep', () => {
    expect(fault(({ x }) => x.expand([-1, 2, 2]))).toContain(
      'GRAPH_SHAPE expand: cannot expand [2, 2] to [-1, 2, 2]',
    );
  });

  it('of srwm names the shape that each input must have', () => {
    const apply = (...shapes: readonly (readonly number[])[]) =>
      fault(() => {
        const [x, w, delta, isFirst] = shapes as [number[], number[], number[], number[]];
        const options = { inputSoftmax: true, bptt: 'unroll' } as const;
        return g.srwm(g.zeros(x), g.zeros(w), g.zeros(delta), g.zeros(isFirst, 'bool'), options).y;
      });
    const [x, w, delta] = [
      [5, 2, 3, 4],
      [3, 4, 16],
      [2, 3, 4, 16],
    ] as const;
    expect(apply([5, 2, 12], w, delta, [5, 2])).toContain('x must have 4 dimensions');
    expect(apply(x, [3, 5, 16], delta, [5, 2])).toContain('w must be [3, 4, D_y + 12]');
    expect(apply(x, [3, 4, 12], delta, [5, 2])).toContain('w must be [3, 4, D_y + 12]');
    expect(apply(x, w, [2, 3, 4, 15], [5, 2])).toContain('fast_weight_delta must be [2, 3, 4, 16]');
    expect(apply(x, w, delta, [2, 5])).toContain('is_first must be [5, 2], got [2, 5]');
  });

  it('of the delta rule names the shape that each input must have', () => {
    const right = [
      [5, 2, 3, 4],
      [5, 2, 3, 4],
      [5, 2, 3, 6],
      [5, 2, 3],
      [2, 3, 4, 6],
      [5, 2],
    ];
    const apply = (wrong: number, shape: readonly number[]) =>
      fault(() => {
        const shapes = right.map((one, i) => (i === wrong ? shape : one));
        const [q, k, v, beta, state] = shapes.slice(0, 5).map((one) => g.zeros(one)) as g.Tensor[] &
          [g.Tensor, g.Tensor, g.Tensor, g.Tensor, g.Tensor];
        return g.deltaRule(q, k, v, beta, state, g.zeros(shapes[5]!, 'bool'), { bptt: 'step' }).o;
      });
    expect(apply(0, [5, 2, 12])).toContain('q must have 4 dimensions');
    expect(apply(1, [5, 2, 3, 6])).toContain('k must be [5, 2, 3, 4] for q [5, 2, 3, 4], got [5, 2, 3, 6]');
    expect(apply(2, [5, 2, 2, 6])).toContain('v must be [5, 2, 3, 6]');
    expect(apply(2, [5, 2, 3, 0])).toContain('v must have a value size of at least 1');
    expect(apply(3, [5, 2, 3, 1])).toContain('beta must be [5, 2, 3]');
    expect(apply(4, [2, 3, 6, 4])).toContain('fast_weights must be [2, 3, 4, 6]');
    expect(apply(5, [2, 5])).toContain('is_first must be [5, 2]');
  });

  it('of both recurrences keeps the state in float32 beside half precision', () => {
    const dtypes = (dtype: g.Dtype, kept: g.Dtype) => {
      let found: readonly Tensor[] = [];
      trace('halves', { x: tensorSpec([5, 2, 3, 4], dtype) }, ({ x }) => {
        const [isFirst, memory] = [g.zeros([5, 2], 'bool'), g.zeros([2, 3, 4, 4], kept)];
        const { o, fastWeights } = g.deltaRule(x, x, x, x.sum([3]), memory, isFirst, { bptt: 'unroll' });
        const [w, delta] = [g.zeros([3, 4, 16], kept), g.zeros([2, 3, 4, 16], kept)];
        const { y, fastWeightDelta } = g.srwm(x, w, delta, isFirst, { inputSoftmax: true, bptt: 'unroll' });
        found = [o, fastWeights, y, fastWeightDelta];
        return { y };
      });
      return found.map(({ dtype }) => dtype);
    };
    for (const half of ['bfloat16', 'float16'] as const) {
      expect(dtypes(half, 'float32')).toEqual([half, 'float32', half, 'float32']);
      expect(() => dtypes(half, half)).toThrow(
        `fast_weights beside ${half} inputs must be float32, got ${half}`,
      );
    }
    expect(new Set(dtypes('float64', 'float64'))).toEqual(new Set(['float64']));
    expect(() => dtypes('float32', 'float64')).toThrow('must be float32, got float64');
  });
});
