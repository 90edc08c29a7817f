/** What the shape and dtype rules refuse, and what they say. */
import { describe, expect, it } from 'vitest';
import * as g from '../../../src/graph/index.ts';
import { GraphError, keySpec, type Tensor, tensorSpec, trace, type Dtype } from '../../../src/graph/index.ts';

type Shape = readonly number[];
type Given = Shape | readonly [dtype: Dtype, shape: Shape];

/** The first line of the error that an operation on inputs of these shapes ends in. */
function fault(given: readonly Given[], program: (...tensors: Tensor[]) => Tensor): string {
  const specs = Object.fromEntries(
    given.map((spec, i) => [
      `x${i}`,
      typeof spec[0] === 'string'
        ? tensorSpec((spec as readonly [Dtype, Shape])[1], spec[0])
        : tensorSpec(spec as Shape),
    ]),
  );
  try {
    trace('refused', specs, (inputs) => ({ y: program(...Object.values(inputs)) }));
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return `${error.code} ${error.message.split('\n')[0]}`;
  }
  throw new Error('the operation was accepted');
}

describe('a shape rule', () => {
  it.each<[string, readonly Given[], (...x: Tensor[]) => Tensor, string]>([
    [
      'add',
      [
        [2, 3],
        [2, 4],
      ],
      (a, b) => a.add(b),
      'cannot broadcast [2, 3] with [2, 4]: dimension -1 is 3 vs 4',
    ],
    [
      'matmul',
      [
        [4, 8],
        [7, 2],
      ],
      (a, b) => a.matmul(b),
      'inner dimensions differ: [4, 8] @ [7, 2] (8 vs 7)',
    ],
    ['matmul', [[], [2]], (a, b) => a.matmul(b), 'both inputs need at least 1 dimension'],
    [
      'linear',
      [
        [2, 3],
        [5, 4],
      ],
      (x, w) => g.affine(x, w, null),
      'the last dimension of [2, 3] must be 4',
    ],
    ['linear', [[2, 4], [5, 4], [4]], (x, w, b) => g.affine(x, w, b), 'bias must be [5], got [4]'],
    [
      'conv2d',
      [
        [1, 3, 8, 8],
        [4, 2, 3, 3],
      ],
      (x, w) => g.convolve(x, w, null),
      'input has 3 channels',
    ],
    [
      'conv2d',
      [
        [1, 3, 2, 2],
        [4, 3, 3, 3],
      ],
      (x, w) => g.convolve(x, w, null),
      'a window of 3 (padding 0) does not fit into 2',
    ],
    [
      'conv2d',
      [
        [3, 8, 8],
        [4, 3, 3, 3],
      ],
      (x, w) => g.convolve(x, w, null),
      'input must have 4 dimensions, got [3, 8, 8]',
    ],
    [
      'max_pool2d',
      [[1, 2, 8, 8]],
      (x) => g.maxPool2d(x, 2, { padding: 2 }),
      'padding must be at most half the kernel',
    ],
    [
      'layer_norm',
      [[2, 3], [3], [2]],
      (x, w, b) => g.normalizeLayer(x, w, b, 1e-5),
      'weight and bias must be [3], got [2]',
    ],
    ['linalg_qr', [[3]], (x) => g.qr(x).q, 'input must have at least 2 dimensions'],
    ['diagonal', [[3]], (x) => x.diagonal(), 'input must have at least 2 dimensions'],
    [
      'reshape',
      [[2, 3]],
      (x) => x.reshape([4, 2]),
      'cannot reshape [2, 3] (6 elements) to [4, 2] (8 elements)',
    ],
    ['reshape', [[2, 3]], (x) => x.reshape([4, -1]), 'cannot reshape [2, 3] (6 elements) to [4, -1]'],
    ['reshape', [[2, 3]], (x) => x.reshape([-1, -1]), 'at most one dimension may be -1'],
    ['reshape', [[2, 2]], (x) => x.reshape([-2, -2]), 'the new shape must hold whole numbers of at least -1'],
    ['permute', [[2, 3]], (x) => x.permute([1]), 'the order must name all 2 dimensions'],
    ['permute', [[2, 3]], (x) => x.permute([1, 1]), 'dimensions must differ, got [1, 1]'],
    ['expand', [[2, 3]], (x) => x.expand([2, 4]), 'cannot expand [2, 3] to [2, 4]'],
    ['expand', [[2, 3]], (x) => x.expand([-1, 2, 3]), 'cannot expand [2, 3] to [-1, 2, 3]'],
    ['select', [[2, 3]], (x) => x.select(1, 3), 'index 3 is out of range for dimension 1 of size 3'],
    ['slice', [[2, 3]], (x) => x.slice(0, 0, 2, 0), 'step must be a positive integer, got 0'],
    ['sum', [[2, 3]], (x) => x.sum(2), 'dimension must be an integer in [-2, 1], got 2'],
    ['sum', [[2, 3]], (x) => x.sum([0, -2]), 'dimensions must differ'],
    ['softmax', [[2, 3]], (x) => x.softmax(0.5), 'dimension must be an integer in [-2, 1], got 0.5'],
    [
      'cat',
      [
        [2, 3],
        [3, 3],
      ],
      (a, b) => g.cat([a, b], 1),
      'inputs must agree outside dimension 1, got [2, 3] and [3, 3]',
    ],
    ['stack', [[2], [3]], (a, b) => g.stack([a, b], 0), 'inputs must have one shape, got [2] and [3]'],
    [
      'gather',
      [
        [2, 3],
        ['int64', [3, 1]],
      ],
      (x, i) => x.gather(1, i),
      'index [3, 1] does not fit into [2, 3] along dimension 1',
    ],
    [
      'index_select',
      [
        [2, 3],
        ['int64', [1, 1]],
      ],
      (x, i) => x.indexSelect(0, i),
      'index must have 1 dimension',
    ],
    ['full', [[2]], (x) => x.add(g.full([1.5], 0)), 'shape must hold whole numbers of at least 0, got [1.5]'],
    ['arange', [[2]], (x) => x.add(g.arange(-1)), 'end must hold whole numbers of at least 0'],
    ['clamp', [[2]], (x) => x.clamp(null, null), 'at least one of min and max is required'],
  ])('of %s names what does not fit: %j', (op, given, program, message) => {
    const text = fault(given, program);
    expect(text).toMatch(/^GRAPH_(SHAPE|ARGUMENT) /);
    expect(text).toContain(`${op}: `);
    expect(text).toContain(message);
  });

  it('of srwm names the shape that each input must have', () => {
    const apply = (x: Shape, w: Shape, delta: Shape, isFirst: Shape) =>
      fault(
        [x, w, delta, ['bool', isFirst]],
        (...[a, b, c, d]) => g.srwm(a!, b!, c!, d!, { inputSoftmax: true, bptt: 'unroll' }).y,
      );
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

  it('of scan wants sequences of one length and carries that stay what they are', () => {
    const over = (program: (x: Tensor, y: Tensor) => Tensor) =>
      fault(
        [
          [5, 2],
          [4, 2],
        ],
        (x, y) => program(x, y),
      );
    const scanned = (x: Tensor, h: Tensor, step: (h: Tensor, x: Tensor) => Tensor) =>
      g.scan({ carry: { h }, xs: { x } }, ({ carry, x: now }) => ({
        carry: { h: step(carry.h, now.x) },
        y: {},
      })).carry.h;
    expect(
      over(
        (x, y) => g.scan({ carry: {}, xs: { x, y } }, ({ x: now }) => ({ carry: {}, y: { z: now.x } })).ys.z,
      ),
    ).toContain('GRAPH_SHAPE scan: xs must be sequences of one common length');
    expect(
      over((x) => g.scan({ carry: { x }, xs: {} }, ({ carry }) => ({ carry, y: {} })).carry.x),
    ).toContain('got none');
    expect(over((x) => scanned(x, g.zeros([2]), (h) => h.sum()))).toContain(
      'carry "carry/h" must keep its shape [2], the body returns []',
    );
    expect(over((x) => scanned(x, g.zeros([2]), (h) => h.to('float64')))).toContain(
      'carry "carry/h" must stay float32, the body returns float64',
    );
    expect(
      over(
        (x) => g.scan({ carry: { h: x }, xs: { x } }, () => ({ carry: {} as { h: Tensor }, y: {} })).carry.h,
      ),
    ).toContain('GRAPH_ARGUMENT scan: the body must return every carry (h)');
  });
});

describe('a dtype rule', () => {
  const bool: Given = ['bool', [2, 2]];
  const integer: Given = ['int64', [2, 2]];
  it.each<[string, readonly Given[], (...x: Tensor[]) => Tensor, string]>([
    ['sub', [bool, bool], (a, b) => a.sub(b), 'subtraction of bool is not defined'],
    ['sub', [[2, 2], bool], (a, b) => a.sub(b), 'subtraction of bool is not defined'],
    ['rsub', [bool], (a) => g.sub(1, a), 'subtraction of bool is not defined'],
    ['neg', [bool], (a) => a.neg(), 'input must be a number, got bool'],
    ['argmax', [bool], (a) => a.argmax(0), 'input must be a number, got bool'],
    ['matmul', [bool, bool], (a, b) => a.matmul(b), 'input must be a number, got bool'],
    ['matmul', [[2, 2], integer], (a, b) => a.matmul(b), 'inputs must have one dtype, got float32 and int64'],
    ['linear', [integer, integer], (a, b) => g.affine(a, b, null), 'input must be floating, got int64'],
    ['linalg_qr', [['float16', [2, 2]]], (a) => g.qr(a).q, 'input must be float32 or float64, got float16'],
    ['mean', [integer], (a) => a.mean(), 'input must be floating, got int64'],
    ['softmax', [integer], (a) => a.softmax(0), 'input must be floating, got int64'],
    ['elu', [integer], (a) => a.elu(), 'input must be floating, got int64'],
    ['logical_and', [bool, integer], (a, b) => a.logicalAnd(b), 'input must be bool, got int64'],
    [
      'where',
      [
        [2, 2],
        [2, 2],
      ],
      (a, b) => g.where(a, b, 0),
      'condition must be bool, got float32',
    ],
    [
      'gather',
      [
        [2, 2],
        ['int32', [2, 2]],
      ],
      (a, i) => a.gather(0, i),
      'index must be int64, got int32',
    ],
    ['index_select', [[2, 2], [2]], (a, i) => a.indexSelect(0, i), 'index must be int64, got float32'],
  ])('of %s names the dtype that it needs: %j', (op, given, program, message) => {
    const text = fault(given, program);
    expect(text).toContain(`GRAPH_DTYPE ${op}: `);
    expect(text).toContain(message);
  });

  it.each<[string, (key: Tensor) => Tensor]>([
    ['add', (key) => key.add(1)],
    ['lt', (key) => key.lt(1)],
    ['reshape', (key) => key.reshape([1])],
    ['sum', (key) => key.sum()],
    ['amax', (key) => key.amax()],
    ['exp', (key) => key.exp()],
    ['logicalNot', (key) => key.logicalNot()],
    ['stack', (key) => g.stack([key, key], 0)],
    ['to', (key) => key.to('int64')],
  ])('refuses a random key in %s', (_, program) => {
    expect(() => trace('keyed', { key: keySpec }, ({ key }) => ({ y: program(key) }))).toThrow(
      expect.objectContaining({ code: 'GRAPH_DTYPE' }) as Error,
    );
  });

  it('refuses a tensor where a random key is needed', () => {
    expect(fault([[2]], (x) => g.randomUniform(x, [2]))).toBe(
      'GRAPH_DTYPE random_uniform: key must be key, got float32',
    );
  });
});
