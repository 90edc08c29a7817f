/** Gradient transforms written in TypeScript, on a real optimizer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  checkpoint,
  initializationOf,
  parameter,
  tensorSpec,
  trace,
  type Graph,
  type Tensor,
} from '../../../src/graph/index.ts';
import { constant, linear } from '../../../src/nn/index.ts';
import {
  frame,
  gradientTransform,
  Learner,
  mapTensors,
  type GradientTransform,
  type Session,
} from '../../../src/train/index.ts';
import { needsPython, numbers, python, startSession, tensor } from '../../support/session.ts';

const signs = gradientTransform('sign', ({ gradients }) =>
  mapTensors(gradients, (gradient) => gradient.sign()),
);
/** Every gradient to a norm of at most `most`, each parameter on its own (You et al. 2017 use the ratio of norms). */
const clipEach = (most: number) =>
  gradientTransform('clip-each', ({ gradients }) =>
    mapTensors(gradients, (gradient) => gradient.mul(gradient.norm().clamp(most, null).pow(-1).mul(most))),
  );

const lossOf = (name: string): Graph =>
  trace(name, { x: tensorSpec([2]) }, ({ x }) => {
    const [a, b] = [parameter('a', [2], constant(1)), parameter('b', [2], constant(2))];
    return { loss: x.mul(a).sum().add(b.mul(10).sum()) };
  });

describe.skipIf(python === null)(`a gradient transform (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  /** Parameters after one step of RMSprop that divides by 1: alpha 1 keeps its average at 0, epsilon is 1. */
  async function stepWith(
    name: string,
    transform: GradientTransform | undefined,
    loss: Graph = lossOf(name),
  ) {
    const initialize = initializationOf(`${name}/initialize`, loss.declarations);
    const keys = Object.fromEntries(
      initialize.spec.inputs.map((input) => [input.name, { kind: 'key' as const, value: 1n }]),
    );
    await session.call('create_parameters', {
      set: name,
      graph: await session.load(initialize),
      inputs: keys,
    });
    const learner = new Learner(session, name, name, null, transform);
    await learner.create({ kind: 'rmsprop', alpha: 1, epsilon: 1, momentum: 0 });
    const { gradNorm } = await learner.update({
      graph: loss,
      inputs: { x: frame(0) },
      tensors: [tensor([3, -4])],
      learningRate: 0.5,
    });
    const read = trace(`${name}/read`, {}, () => ({
      a: parameter('a', [2], constant(0)).mul(1),
      b: parameter('b', [2], constant(0)).mul(1),
    }));
    const [a, b] = await session.run(read, { set: name, fetch: ['a', 'b'] });
    return { a: numbers(a), b: numbers(b), gradNorm };
  }

  it('is absent by default', async () => {
    expect(await stepWith('none', undefined)).toMatchObject({ a: [-0.5, 3], b: [-3, -3] });
  });

  it('makes sign SGD in one line', async () => {
    expect(await stepWith('sign', signs)).toMatchObject({
      a: [0.5, 1.5],
      b: [1.5, 1.5],
      gradNorm: expect.closeTo(2, 5),
    });
  });

  it('clips every parameter by its own norm', async () => {
    const { a, b } = await stepWith('clip', clipEach(1));
    expect(a).toEqual([expect.closeTo(1 - 0.3, 5), expect.closeTo(1 + 0.4, 5)]);
    expect(b).toEqual([expect.closeTo(2 - 0.5 * Math.SQRT1_2, 5), expect.closeTo(2 - 0.5 * Math.SQRT1_2, 5)]);
  });

  it('sees the parameters too, and leaves alone the gradients that it does not name', async () => {
    const decay = gradientTransform('decay', ({ gradients, parameters }) => ({
      b: (gradients['b'] as Tensor).mul(0).add(parameters['b'] as Tensor),
    }));
    expect(await stepWith('decay', decay)).toMatchObject({ a: [-0.5, 3], b: [1, 1] });
  });

  it('is given the parameters that the loss teaches, and no others', async () => {
    const loss = trace('partly', { x: tensorSpec([2]) }, ({ x }) => {
      const [a, b] = [parameter('a', [2], constant(1)), parameter('b', [2], constant(2))];
      return { loss: x.mul(a).add(b.stopGradient()).sum() };
    });
    expect(await stepWith('partly', signs, loss)).toMatchObject({ a: [0.5, 1.5], b: [2, 2] });
  });

  it.each<[string, GradientTransform, string]>([
    [
      'another shape',
      gradientTransform('t', ({ gradients }) => mapTensors(gradients, (x) => x.sum())),
      'GRAPH_SHAPE',
    ],
    [
      'an unknown name',
      gradientTransform('t', ({ gradients }) => ({ c: gradients['a'] as Tensor })),
      'GRAPH_NAME',
    ],
  ])('is refused when it returns %s', async (what, transform, code) => {
    await expect(stepWith(`refused ${what}`, transform)).rejects.toMatchObject({ code });
  });

  it('has nothing to do for a loss that depends on no parameter: that is refused first', async () => {
    const loss = trace('fixed', { x: tensorSpec([2]) }, ({ x }) => {
      const a = parameter('a', [2], constant(1));
      return { loss: x.sum(), a, b: parameter('b', [2], constant(1)) };
    });
    await expect(stepWith('fixed', signs, loss)).rejects.toMatchObject({ code: 'GRAPH_NO_GRADIENT' });
  });

  it('checkpoint gives the values and the update of the same program without it', async () => {
    const program = (name: string, wrap: boolean) =>
      trace(name, { x: tensorSpec([2]) }, ({ x }) => {
        const body = ({ x: inner }: { x: Tensor }) => {
          const [a, b] = [parameter('a', [2], constant(1)), parameter('b', [2], constant(2))];
          return { y: linear('out', 3)(inner.mul(a).tanh().add(b)).exp() };
        };
        const { y } = wrap ? checkpoint({ x }, body) : body({ x });
        return { loss: y.sum() };
      });
    const plain = await stepWith('plain', undefined, program('plain', false));
    expect(await stepWith('again', undefined, program('again', true))).toEqual(plain);
    expect(plain.a).not.toEqual([1, 1]);
  });
});
