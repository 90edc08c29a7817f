/** How far gradients of the slow weights reach back: one step, or the whole unroll. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorSpec, trace, type Graph, type Tensor } from '../../../src/graph/index.ts';
import { schemes, srwmCore } from '../../../src/models/index.ts';
import { frame, type Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import { needsPython, numbers, python, startSession, tensor } from '../../support/session.ts';
import { makeSet } from './sets.ts';

const [TIME, BATCH, WIDTH, HEADS, HEAD_DIM] = [6, 2, 5, 2, 4];
const MODEL_DIM = HEADS * HEAD_DIM;
/** Columns of w in the order (y, q, k, beta). */
const COLUMNS = { y: HEAD_DIM, q: HEAD_DIM, k: HEAD_DIM, beta: 4 };
const WEIGHT = 'core/layer0/srwm/w';

function lossGraph(bptt: 'step' | 'unroll'): Graph {
  const options = {
    ...{ modelDim: MODEL_DIM, numHeads: HEADS, numLayers: 1, ffDim: 6, inputSoftmax: true },
    ...{ finalNorm: false, releasedNorm: false, bptt },
  };
  const core = srwmCore(options, schemes.torch);
  const states = Object.entries(core.stateShapes(BATCH));
  const specs = {
    x: tensorSpec([TIME, BATCH, WIDTH]),
    is_first: tensorSpec([TIME, BATCH], 'bool'),
    weights: tensorSpec([TIME, BATCH, MODEL_DIM]),
    ...Object.fromEntries(states.map(([name, shape]) => [name, tensorSpec(shape)])),
  };
  return trace('loss', specs, (inputs) => {
    const given = inputs as Readonly<Record<string, Tensor>>;
    const state = Object.fromEntries(states.map(([name]) => [name, given[name] as Tensor]));
    const { y } = core.apply(inputs.x, inputs.is_first, state);
    return { loss: y.mul(inputs.weights).sum() };
  });
}

describe.skipIf(python === null)(`bptt (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session.close());

  /** Names of the column groups of w that one plain update changes in any bit; parts of the result. */
  async function changedColumns(bptt: 'step' | 'unroll'): Promise<string[]> {
    const graph = lossGraph(bptt);
    await makeSet(session, bptt, graph);
    const read = async () =>
      numbers((await session.exchange('get', { handles: [], set: bptt, parameters: [WEIGHT] })).tensors[0]);
    const plain = {
      ...{ kind: 'rmsprop' as const, alpha: 0.9, epsilon: 0.01, momentum: 0 },
      ...{ centered: false, weight_decay: 0 },
    };
    await session.call('create_optimizer', { optimizer: bptt, set: bptt, algorithm: plain });
    const before = await read();
    const stateShape = graph.spec.inputs.find(({ name }) => name.includes('fast_weight_delta'))
      ?.shape as number[];
    const tensors = [
      tensor(noise(TIME * BATCH * WIDTH, 1), [TIME, BATCH, WIDTH]),
      tensor(Array<number>(TIME * BATCH).fill(0), [TIME, BATCH], 'bool'),
      tensor(noise(TIME * BATCH * MODEL_DIM, 2), [TIME, BATCH, MODEL_DIM]),
      tensor(
        noise(
          stateShape.reduce((size, dim) => size * dim, 1),
          3,
        ),
        stateShape,
      ),
    ];
    await session.call(
      'accumulate',
      {
        graph: await session.load(graph),
        optimizer: bptt,
        inputs: Object.fromEntries(graph.spec.inputs.map(({ name }, i) => [name, frame(i)])),
        loss: 'loss',
        report: [],
      },
      tensors,
    );
    await session.call('apply', {
      ...{ optimizer: bptt, expected_version: 0, learning_rate: 1, max_grad_norm: null },
      ...{ transform: null, inputs: {} },
    });
    const after = await read();
    const width = 3 * HEAD_DIM + 4;
    expect(before).toHaveLength(HEADS * HEAD_DIM * width);
    const owners = Object.entries(COLUMNS).flatMap(([name, size]) => Array<string>(size).fill(name));
    return [
      ...new Set(
        after.flatMap((value, i) => (Object.is(value, before[i]) ? [] : [owners[i % width] as string])),
      ),
    ];
  }

  it('"step" leaves the columns of q, k and beta exactly as they are', async () => {
    expect(await changedColumns('step')).toEqual(['y']);
  });

  it('"unroll" trains the columns of y, q, k and beta', async () => {
    expect(await changedColumns('unroll')).toEqual(['y', 'q', 'k', 'beta']);
  });
});
