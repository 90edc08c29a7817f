/** The shape and dtype rules of TypeScript against what torch does with the same operations. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as g from '../../../src/graph/index.ts';
import { GraphError, type Tensor, trace, tensorSpec, type Dtype } from '../../../src/graph/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { needsPython, python, startSession, tensor } from '../../support/session.ts';

const DTYPES = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'uint8',
  'bool',
] as const satisfies readonly Dtype[];

/** Every operation that works element by element or along a dimension, on x [2, 3]. */
const unary: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  addInteger: (x) => x.add(2),
  addFraction: (x) => x.add(0.5),
  addLarge: (x) => x.add(2 ** 33),
  rsub: (x) => g.sub(3, x),
  rsubFraction: (x) => g.sub(0.5, x),
  subNumber: (x) => x.sub(1),
  mulInteger: (x) => x.mul(2),
  mulFraction: (x) => x.mul(0.5),
  divNumber: (x) => x.div(2),
  reciprocal: (x) => g.div(1, x),
  pow: (x) => x.pow(2),
  powFraction: (x) => x.pow(0.5),
  clampBoth: (x) => x.clamp(0, 1),
  clampMin: (x) => x.clamp(0, null),
  clampFraction: (x) => x.clamp(-0.5, 0.5),
  eqNumber: (x) => x.eq(1),
  ltNumber: (x) => x.lt(0.5),
  leNumber: (x) => x.le(1),
  gtNumber: (x) => x.gt(1),
  geNumber: (x) => x.ge(1),
  logicalNot: (x) => x.logicalNot(),
  whereNumbers: (x) => g.where(x.gt(0), 1, 0.5),
  whereNumber: (x) => g.where(x.gt(0), x, 0),
  whereFraction: (x) => g.where(x.gt(0), 0.5, x),
  ...Object.fromEntries(
    (
      [
        'neg',
        'abs',
        'sign',
        'exp',
        'log',
        'log1p',
        'sqrt',
        'rsqrt',
        'sin',
        'cos',
        'relu',
        'elu',
        'gelu',
        'silu',
        'sigmoid',
        'tanh',
        'softplus',
        'square',
        'stopGradient',
      ] as const
    ).map((name) => [name, (x: Tensor) => x[name]()]),
  ),
  ...Object.fromEntries(DTYPES.map((dtype) => [`to_${dtype}`, (x: Tensor) => x.to(dtype).reshape([6])])),
  sum: (x) => x.sum(),
  sumKept: (x) => x.sum(null, { keepdim: true }),
  sumDim: (x) => x.sum(-1),
  mean: (x) => x.mean(0, { keepdim: true }),
  amax: (x) => x.amax([0, 1]),
  amaxAll: (x) => x.amax(),
  amin: (x) => x.amin(0),
  logsumexp: (x) => x.logsumexp(-1),
  logsumexpAll: (x) => x.logsumexp(),
  variance: (x) => x.variance(1, { correction: 0 }),
  varianceAll: (x) => x.variance(),
  argmax: (x) => x.argmax(-1),
  argmaxKept: (x) => x.argmax(0, { keepdim: true }),
  cumsum: (x) => x.cumsum(0),
  softmax: (x) => x.softmax(-1),
  logSoftmax: (x) => x.logSoftmax(0),
  reshape: (x) => x.reshape([3, -1]),
  flatten: (x) => x.flatten(),
  permute: (x) => x.permute([1, 0]),
  transpose: (x) => x.transpose(0, -1),
  expand: (x) => x.unsqueeze(0).expand([4, -1, 3]),
  unsqueeze: (x) => x.unsqueeze(-1),
  squeeze: (x) => x.unsqueeze(1).squeeze(1),
  squeezeNothing: (x) => x.squeeze(0),
  slice: (x) => x.slice(1, 0, 3, 2),
  sliceNegative: (x) => x.slice(-1, -2, -1),
  sliceNothing: (x) => x.slice(0, 2, 1),
  sliceBeyond: (x) => x.slice(0, 1, 100),
  select: (x) => x.select(1, -1),
  flip: (x) => x.flip([0, -1]),
  diagonal: (x) => x.diagonal(),
  stack: (x) => g.stack([x, x, x], -1),
  gather: (x) => x.gather(1, g.zeros([2, 2], 'int64')),
  indexSelect: (x) => x.indexSelect(0, g.arange(2)),
  matmul: (x) => x.matmul(x.transpose(0, 1)),
  matmulVector: (x) => x.matmul(x.select(0, 0)),
  linear: (x) => g.affine(x, x, null),
  layerNorm: (x) => g.normalizeLayer(x, x.select(0, 0), x.select(0, 1), 1e-5),
  qr: (x) => g.qr(x).r,
  conv2d: (x) => g.convolve(x.reshape([1, 1, 2, 3]), x.reshape([1, 1, 2, 3]), null, { padding: 1 }),
  maxPool2d: (x) => g.maxPool2d(x.reshape([1, 1, 2, 3]), 2, { padding: 1, stride: [1, 2] }),
};

const binary: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  maximum: (a, b) => a.maximum(b),
  minimum: (a, b) => a.minimum(b),
  eq: (a, b) => a.eq(b),
  le: (a, b) => a.le(b),
  where: (a, b) => g.where(a.gt(0), a, b),
  cat: (a, b) => g.cat([a.reshape([1, -1]), b.reshape([1, -1])], 1),
};

/** The output, or null where a rule of TypeScript refuses the operation. */
function accepted(make: () => Tensor): Tensor | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof GraphError) return null;
    throw error;
  }
}

function outputsOf(makers: Readonly<Record<string, () => Tensor>>): Record<string, Tensor> {
  const made = Object.entries(makers).map(([name, make]) => [name, accepted(make)] as const);
  return Object.fromEntries(made.filter((entry): entry is [string, Tensor] => entry[1] !== null));
}

const describeSpec = ({ dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] }) =>
  `${dtype}[${shape.join(', ')}]`;

describe.skipIf(python === null)(`what the rules promise (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  async function check(graph: g.Graph, inputs: Parameters<Session['compute']>[1]): Promise<void> {
    const values = [
      ...graph.spec.inputs,
      ...graph.spec.parameters,
      ...graph.spec.nodes.flatMap((node) => node.results),
    ];
    const promised = graph.spec.outputs.map(
      ({ name, value }) => `${name}: ${describeSpec(values[value] as { dtype: string; shape: number[] })}`,
    );
    const results = await session.compute(graph, inputs);
    expect(Object.entries(results).map(([name, host]) => `${name}: ${describeSpec(host)}`)).toEqual(promised);
  }

  it.each(DTYPES)('is what torch returns for one %s tensor', async (dtype) => {
    const graph = trace(`unary_${dtype}`, { x: tensorSpec([2, 3], dtype) }, ({ x }) =>
      outputsOf(Object.fromEntries(Object.entries(unary).map(([name, make]) => [name, () => make(x)]))),
    );
    await check(graph, { x: tensor([1, 1, 0, 1, 0, 1], [2, 3], dtype) });
  });

  it('is what torch returns for every pair of dtypes, with dimensions and without', async () => {
    const inputs = Object.fromEntries(
      DTYPES.flatMap((dtype) => [
        [`${dtype}_full`, tensorSpec([2], dtype)],
        [`${dtype}_single`, tensorSpec([1], dtype)],
        [`${dtype}_scalar`, tensorSpec([], dtype)],
      ]),
    );
    const graph = trace('pairs', inputs, (given) => {
      const input = (name: string) => (given as Record<string, Tensor>)[name] as Tensor;
      const makers: [string, () => Tensor][] = [];
      for (const left of DTYPES)
        for (const right of DTYPES)
          for (const [a, b] of [
            [`${left}_full`, `${right}_single`],
            [`${left}_full`, `${right}_scalar`],
            [`${left}_scalar`, `${right}_scalar`],
          ] as const)
            for (const [name, make] of Object.entries(binary))
              makers.push([`${name}(${a}, ${b})`, () => make(input(a), input(b))]);
      return outputsOf(Object.fromEntries(makers));
    });
    expect(graph.spec.outputs.length).toBeGreaterThan(1500);
    const given = DTYPES.flatMap((dtype) => [
      [`${dtype}_full`, tensor([1, 0], [2], dtype)],
      [`${dtype}_single`, tensor([1], [1], dtype)],
      [`${dtype}_scalar`, tensor([1], [], dtype)],
    ]);
    await check(graph, Object.fromEntries(given) as Parameters<Session['compute']>[1]);
  });
});
