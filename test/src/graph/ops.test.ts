/** Every wire operation in a real worker: its result has the shape and the dtype that the rules promise. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { opNames, type WireOp } from '../../../bridge/protocol/op-names.ts';
import type { HostTensor } from '../../../bridge/client/index.ts';
import * as g from '../../../src/graph/index.ts';
import { keySpec, trace } from '../../../src/graph/index.ts';
import { emit } from '../../../src/graph/trace.ts';
import type { Session } from '../../../src/train/index.ts';
import { needsPython, numbers, python, startSession, tensor } from '../../support/session.ts';
import { drawn, image, list, logic, one, positive, two, x, type Case, type Given } from './op-cases/case.ts';
import { layerCases } from './op-cases/layers.ts';
import { pointwiseCases } from './op-cases/pointwise.ts';
import { tensorCases } from './op-cases/tensors.ts';

const E = Math.E;

/** A wire name without a case does not compile. */
const cases: Readonly<Record<WireOp, Case>> = {
  ...pointwiseCases,
  ...tensorCases,
  ...layerCases,
  'aten.add.Tensor': two((a, b) => a.add(b), [3, -1, 2, 6, 1, -7]),
  'aten.add.Scalar': one((a) => a.add(0.5), [1.5, -1.5, 3.5, 4.5, 0.5, -5.5]),
  'aten.sub.Tensor': two((a, b) => a.sub(b), [-1, -3, 4, 2, -1, -5]),
  'aten.rsub.Scalar': one((a) => g.sub(1, a), [0, 3, -2, -3, 1, 7]),
  'aten.mul.Tensor': two((a, b) => a.mul(b), [2, -2, -3, 8, 0, 6]),
  'aten.mul.Scalar': one((a) => a.mul(-2), [-2, 4, -6, -8, 0, 12]),
  'aten.div.Tensor': two((a, b) => a.div(b), [0.5, -2, -3, 2, 0, 6]),
  'aten.div.Scalar': one((a) => a.to('int64').div(4), [0.25, -0.5, 0.75, 1, 0, -1.5]),
  'aten.reciprocal.default': positive((a) => g.div(1, a), [1 / 2, 1 / 3, 1 / 4, 1 / 5, 1, 1 / 7]),
  'aten.pow.Tensor_Scalar': one((a) => a.pow(3), [1, -8, 27, 64, 0, -216]),
  'aten.maximum.default': two((a, b) => a.maximum(b), [2, 1, 3, 4, 1, -1]),
  'aten.minimum.default': two((a, b) => a.minimum(b), [1, -2, -1, 2, 0, -6]),
  'aten.clamp.default': one((a) => a.clamp(-2, 1.5), [1, -2, 1.5, 1.5, 0, -2]),
  'aten.where.self': one((a) => g.where(a.gt(0), a, -1), [1, -1, 3, 4, -1, -1]),

  'aten.eq.Tensor': two((a, b) => a.eq(b), [0, 0, 0, 0, 0, 0]),
  'aten.eq.Scalar': one((a) => a.eq(3), [0, 0, 1, 0, 0, 0]),
  'aten.ne.Scalar': one((a) => emit('aten.ne.Scalar', [a], { other: 3 }), [1, 1, 0, 1, 1, 1]),
  'aten.lt.Tensor': two((a, b) => a.lt(b), [1, 1, 0, 0, 1, 1]),
  'aten.lt.Scalar': one((a) => a.lt(1), [0, 1, 0, 0, 1, 1]),
  'aten.le.Tensor': two((a, b) => a.le(b), [1, 1, 0, 0, 1, 1]),
  'aten.le.Scalar': one((a) => a.le(1), [1, 1, 0, 0, 1, 1]),
  'aten.gt.Tensor': two((a, b) => a.gt(b), [0, 0, 1, 1, 0, 0]),
  'aten.gt.Scalar': one((a) => a.gt(1), [0, 0, 1, 1, 0, 0]),
  'aten.ge.Tensor': two((a, b) => a.ge(b), [0, 0, 1, 1, 0, 0]),
  'aten.ge.Scalar': one((a) => a.ge(1), [1, 0, 1, 1, 0, 0]),
  'aten.logical_not.default': logic((a) => a.logicalNot(), [0, 1, 0]),
  'aten.logical_and.default': logic((a, b) => a.logicalAnd(b), [1, 0, 0]),
  'aten.logical_or.default': logic((a, b) => a.logicalOr(b), [1, 1, 1]),

  'aten.neg.default': one((a) => a.neg(), [-1, 2, -3, -4, -0, 6]),
  'aten.abs.default': one((a) => a.abs(), [1, 2, 3, 4, 0, 6]),
  'aten.sign.default': one((a) => a.sign(), [1, -1, 1, 1, 0, -1]),
  'aten.exp.default': one((a) => a.select(1, 1).exp(), [E ** -2, 1]),
  'aten.log.default': positive((a) => a.select(1, 0).log(), [Math.log(2), Math.log(5)]),
  'aten.log1p.default': positive((a) => a.select(1, 0).log1p(), [Math.log(3), Math.log(6)]),
  'aten.sqrt.default': positive((a) => a.select(1, 2).sqrt(), [2, Math.sqrt(7)]),
  'aten.rsqrt.default': positive((a) => a.select(1, 2).rsqrt(), [0.5, 1 / Math.sqrt(7)]),
  'aten.sin.default': one((a) => a.select(1, 0).sin(), [Math.sin(1), Math.sin(4)]),
  'aten.cos.default': one((a) => a.select(1, 0).cos(), [Math.cos(1), Math.cos(4)]),
  'aten.relu.default': one((a) => a.relu(), [1, 0, 3, 4, 0, 0]),
  'aten.elu.default': one((a) => a.select(1, 1).elu(), [E ** -2 - 1, 0]),
  // 0.5 (1 + erf(v / sqrt(2))) at v = 1 and 4, from tables of the normal distribution.
  'aten.gelu.default': one((a) => a.select(1, 0).gelu(), [0.8413447460685429, 4 * 0.9999683287581669]),
  'aten.silu.default': one((a) => a.select(1, 0).silu(), [1 / (1 + 1 / E), 4 / (1 + E ** -4)]),
  'aten.sigmoid.default': one((a) => a.select(1, 0).sigmoid(), [1 / (1 + 1 / E), 1 / (1 + E ** -4)]),
  'aten.tanh.default': one((a) => a.select(1, 0).tanh(), [Math.tanh(1), Math.tanh(4)]),
  'aten.softplus.default': one((a) => a.select(1, 0).softplus(), [Math.log1p(E), Math.log1p(E ** 4)]),
  'aten._to_copy.default': one((a) => a.mul(0.75).to('int32'), [0, -1, 2, 3, 0, -4]),
  'aten.detach.default': one((a) => a.stopGradient(), [1, -2, 3, 4, 0, -6]),

  'aten.sum.dim_IntList': one((a) => a.sum(0), [5, -2, -3]),
  'aten.mean.dim': one((a) => a.mean(-1, { keepdim: true }), [2 / 3, -2 / 3]),
  'aten.amax.default': one((a) => a.amax([0, 1]), [4]),
  'aten.amin.default': one((a) => a.amin(1), [-2, -6]),
  'aten.var.correction': one((a) => a.variance(0, { correction: 0 }), [2.25, 1, 20.25]),
  'aten.logsumexp.default': one(
    (a) => a.logsumexp(1),
    [Math.log(E + E ** -2 + E ** 3), Math.log(E ** 4 + 1 + E ** -6)],
  ),
  'aten.argmax.default': one((a) => a.argmax(-1), [2, 0]),
  'aten.cumsum.default': one((a) => a.cumsum(1), [1, -1, 2, 4, 4, -2]),
  'aten.softmax.int': one(
    (a) => a.slice(1, 0, 2).softmax(0),
    [1 / (1 + E ** 3), 1 / (1 + E ** 2), 1 / (1 + E ** -3), 1 / (1 + E ** -2)],
  ),
  'aten.log_softmax.int': one(
    (a) => a.select(1, 1).logSoftmax(0),
    [-Math.log(1 + E ** 2), -Math.log(1 + E ** -2)],
  ),

  'aten.reshape.default': one((a) => a.reshape([3, -1]), [1, -2, 3, 4, 0, -6]),
  'aten.permute.default': one((a) => a.permute([1, 0]), [1, 4, -2, 0, 3, -6]),
  'aten.expand.default': one((a) => a.select(0, 0).expand([2, -1]), [1, -2, 3, 1, -2, 3]),
  'aten.unsqueeze.default': one((a) => a.unsqueeze(1)),
  'aten.squeeze.dim': one((a) => [a.slice(0, 1, 2).squeeze(0), a.squeeze(0)], [4, 0, -6]),
  'aten.slice.Tensor': one((a) => a.slice(1, -3, 3, 2), [1, 3, 4, -6]),
  'aten.select.int': one((a) => a.select(-1, -1), [3, -6]),
  'aten.flip.default': one((a) => a.flip([1]), [3, -2, 1, -6, 0, 4]),
  'aten.cat.default': two((a, b) => g.cat([a, b.unsqueeze(0)], 0), [1, -2, 3, 4, 0, -6, 2, 1, -1]),
  'aten.stack.default': two((a, b) => g.stack([a.select(0, 0), b], 1), [1, 2, -2, 1, 3, -1]),
  'aten.gather.default': list(
    (a, i) => a.gather(1, i),
    [x, tensor([2, 0, 1, 1], [2, 2], 'int64')],
    [3, 1, 0, 0],
  ),
  'aten.index_select.default': list(
    (a, i) => a.indexSelect(1, i),
    [x, tensor([2, 2, 0], [3], 'int64')],
    [3, 3, 1, -6, -6, 4],
  ),
  'aten.diagonal.default': one((a) => a.diagonal(), [1, 0]),

  'aten.matmul.default': two((a, b) => a.matmul(b), [-3, 14]),
  'aten.linear.default': two((a, b) => g.affine(a, b.unsqueeze(0), g.full([1], 0.5)), [-2.5, 14.5]),
  'aten.linalg_qr.default': one(
    (a) => {
      const { q, r } = g.qr(a);
      return [q.matmul(r), q, r];
    },
    [1, -2, 3, 4, 0, -6],
  ),
  'aten.conv2d.default': list(
    (a) => g.convolve(a, g.full([1, 1, 2, 2], 1), g.full([1], 1), { stride: 2, padding: [0, 1] }),
    [image],
    [-11, -17, -5, 5, 15, 11],
  ),
  'aten.max_pool2d.default': list(
    (a) => g.maxPool2d(a, 3, { stride: 2, padding: 1 }),
    [image],
    [-3, -1, 5, 7],
  ),
  'aten.layer_norm.default': list(
    (a) => g.normalizeLayer(a, g.full([2], 2), g.full([2], 1), 0),
    [tensor([1, 3, -5, 5], [2, 2])],
    [-1, 3, -1, 3],
  ),

  'aten.full.default': { given: [], program: () => g.full([2, 2], -1.5), gives: [-1.5, -1.5, -1.5, -1.5] },
  'aten.arange.default': { given: [], program: () => g.arange(4), gives: [0, 1, 2, 3] },
  'srwm.random_uniform': drawn((key) => g.randomUniform(key, [3, 5])),
  'srwm.random_normal': drawn((key) => g.randomNormal(key, [7])),

  'srwm.srwm': {
    given: [tensor([1, 0, 0, 0], [2, 1, 1, 2]), tensor([1, 0], [2, 1], 'bool')],
    program: (values, isFirst) => {
      const w = g.full([1, 2, 2 + 2 * 2 + 4], 0.5);
      const delta = g.zeros([1, 1, 2, 10]);
      const options = { inputSoftmax: false, bptt: 'unroll' } as const;
      const result = g.srwm(values, w, delta, isFirst, options);
      return [result.y, result.fastWeightDelta];
    },
    // Equal columns make q equal to k, so that no step changes w: y is x W_y.
    gives: [0.5, 0.5, 0, 0],
  },
  'srwm.delta_rule': {
    given: [tensor([1, 0, 1, 0], [2, 1, 1, 2]), tensor([1, 0], [2, 1], 'bool')],
    program: (keys, isFirst) => {
      const v = g.full([2, 1, 1, 3], 4);
      const beta = g.full([2, 1, 1], 0.25);
      const carried = g.full([1, 1, 2, 3], 8);
      const result = g.deltaRule(keys, keys, v, beta, carried, isFirst, { bptt: 'unroll' });
      return [result.o, result.fastWeights];
    },
    // The first step forgets the 8; each write moves the read value a quarter of its way to 4.
    gives: [1, 1, 1, 1.75, 1.75, 1.75],
  },
  'srwm.scan': one(
    (a) => {
      const { carry, ys } = g.scan(
        { carry: { c: g.zeros([3]) }, xs: { a } },
        ({ carry: before, x: step }) => {
          const c = before.c.mul(0.5).add(step.a);
          return { carry: { c }, y: { c, large: c.gt(0) } };
        },
      );
      return [ys.c, ys.large, carry.c];
    },
    [1, -2, 3, 4.5, -1, -4.5],
  ),
};

function graphOf(op: WireOp): { graph: g.Graph; inputs: Record<string, Given> } {
  const { given, program } = cases[op];
  const inputs = Object.fromEntries(given.map((value, i) => [`in${i}`, value]));
  const specs = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      name,
      typeof value === 'bigint' ? keySpec : specOf(value),
    ]),
  );
  const graph = trace(op, specs, (tensors) => {
    const results = [program(...Object.values(tensors))].flat();
    return Object.fromEntries(results.map((result, i) => [`out${i}`, result]));
  });
  return { graph, inputs };
}

const specOf = ({ shape, dtype }: HostTensor) => ({ shape: [...shape], dtype });

describe.skipIf(python === null)(`an operation in the worker (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  it.each(opNames)('has the promised shape, dtype and values: %s', async (op) => {
    const { graph, inputs } = graphOf(op);
    expect(graph.spec.nodes.map((node) => node.op)).toContain(op);
    const values = [...graph.spec.inputs, ...graph.spec.nodes.flatMap((node) => node.results)];
    const promised = graph.spec.outputs.map(({ value }) => {
      const { shape, dtype } = values[value]!;
      return { shape, dtype };
    });
    const results = Object.values(await session.compute(graph, inputs));
    expect(results.map(specOf)).toEqual(promised);
    const { gives } = cases[op];
    const first = numbers(results[0]);
    if (gives === undefined) expect(first.every(Number.isFinite)).toBe(true);
    else expect(first.map((value) => value + 0)).toEqual(gives.map((value) => expect.closeTo(value, 4)));
  });

  it('is in the table of both sides: the worker names the hash of the sorted names', () => {
    const expected = createHash('sha256')
      .update([...opNames].sort().join('\n'))
      .digest('hex');
    expect(session.worker.hello.ops_hash).toBe(expected);
  });

  it('gives equal random numbers for equal keys, and others for another', async () => {
    const graph = trace('drawn', { a: keySpec, b: keySpec, c: keySpec }, ({ a, b, c }) => ({
      a: g.randomUniform(a, [50]),
      b: g.randomUniform(b, [50]),
      c: g.randomUniform(c, [50]),
    }));
    const { a, b, c } = await session.compute(graph, { a: 7n, b: 7n, c: 2n ** 64n - 1n });
    expect(numbers(a)).toEqual(numbers(b));
    expect(numbers(c)).not.toEqual(numbers(a));
    expect(numbers(a).every((value) => value >= 0 && value < 1)).toBe(true);
  });
});
