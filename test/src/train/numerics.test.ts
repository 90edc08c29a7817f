import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostTensor } from '../../../bridge/client/index.ts';
import { SrwmError } from '../../../bridge/protocol/errors.ts';
import {
  initializationKeys,
  initializationOf,
  log,
  parameter,
  tensorSpec,
  trace,
  type Graph,
} from '../../../src/graph/index.ts';
import { constant } from '../../../src/nn/index.ts';
import { frame, key, Learner, Session } from '../../../src/train/index.ts';
import {
  needsPython,
  newFolder,
  places,
  python,
  rejection,
  SMALL,
  startSmall,
  tiny,
} from '../runs/run-fixture.ts';

/** mean(log(weight * x)): finite while both have one sign. */
function logLoss(): Graph {
  return trace('log_loss', { x: tensorSpec([2]) }, ({ x }) => {
    const weight = parameter('weight', [2], constant(1));
    const product = weight.mul(x);
    return { loss: log(product).mean() };
  });
}

describe.skipIf(python === null)(`an update with a worker (${needsPython})`, { timeout: 90_000 }, () => {
  let session: Session;
  beforeAll(async () => {
    session = await Session.start(
      places,
      { device: 'cpu', precision: 'float32', threads: 1 },
      { logFile: null },
    );
  });
  afterAll(() => session.close());

  async function learnerOf(graph: Graph, name: string): Promise<Learner> {
    const initialization = initializationOf(`initialize_${name}`, graph.declarations);
    await session.call('create_parameters', {
      set: name,
      graph: await session.load(initialization),
      inputs: Object.fromEntries(initializationKeys(initialization).map((input) => [input, key(1n)])),
    });
    const learner = new Learner(session, name, name, null);
    await learner.create({ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-5 });
    return learner;
  }

  function request(graph: Graph, x: readonly number[]) {
    return {
      graph,
      inputs: { x: frame(0) },
      tensors: [hostTensor('float32', Float32Array.from(x), [2])],
      learningRate: 0.01,
    };
  }

  const digest = async (set: string) => (await session.call('digest', { set })).sha256;

  test('with a NaN names the update, the op and its line, and leaves the parameters alone', async () => {
    const graph = logLoss();
    const learner = await learnerOf(graph, 'log');
    const fresh = await digest('log');
    await learner.update(request(graph, [1, 2]));
    const before = await digest('log');
    expect(before).not.toBe(fresh);
    const error = await rejection(learner.update(request(graph, [1, -2])));
    expect(error).toBeInstanceOf(SrwmError);
    expect(error).toMatchObject({ code: 'NUMERICS_NONFINITE' });
    const { message } = error as SrwmError;
    expect(message).toMatch(/^update 1: the loss and every gradient must be finite/);
    const source = readFileSync(import.meta.filename, 'utf8').split('\n');
    const line = source.findIndex((text) => text.includes('loss: log(product)')) + 1;
    expect(message).toContain(`the result of log at test/src/train/numerics.test.ts:${line}:`);
    expect(await digest('log')).toBe(before);
    const after = await learner.update(request(graph, [1, 2]));
    expect(Number.isFinite(after.losses['loss'])).toBe(true);
    expect(learner.version).toBe(2);
    expect(await digest('log')).not.toBe(before);
  });

  test('whose data holds an infinity names that input', async () => {
    const graph = logLoss();
    const learner = await learnerOf(graph, 'input');
    const before = await digest('input');
    const error = await rejection(learner.update(request(graph, [1, Infinity])));
    expect(error).toMatchObject({
      code: 'NUMERICS_NONFINITE',
      message: expect.stringContaining('"x", an input of graph "log_loss"') as string,
    });
    expect(await digest('input')).toBe(before);
  });

  test('with a finite loss and an infinite gradient names the parameter', async () => {
    const graph = trace('root', { x: tensorSpec([2]) }, ({ x }) => {
      const weight = parameter('weight', [2], constant(0));
      return { loss: weight.add(x).sqrt().mean() };
    });
    const learner = await learnerOf(graph, 'root');
    const error = await rejection(learner.update(request(graph, [1, 0])));
    expect(error).toMatchObject({
      code: 'NUMERICS_NONFINITE',
      message: expect.stringContaining('the gradient of parameter "weight"') as string,
    });
  });

  test('that diverges ends its run with the last good checkpoint and the way back', async () => {
    const folder = newFolder();
    const sets = [
      ...SMALL,
      'train.batchSize=8',
      'train.learningRate=1e30',
      'train.maxGradNorm=null',
      'checkpoint.everyUpdates=1',
    ];
    const error = await rejection(startSmall(tiny(...sets), folder));
    expect(error).toMatchObject({ code: 'NUMERICS_NONFINITE' });
    const { message, remedy } = error as SrwmError;
    expect(message).toMatch(/^update 1: /);
    expect(message).toMatch(/src\/\S+\.ts:\d+|the gradient of parameter|an input of graph/);
    const checkpoint = path.join(folder, 'checkpoints', '000000001');
    expect(remedy).toContain(`Last good checkpoint: ${checkpoint}.`);
    expect(existsSync(path.join(checkpoint, 'manifest.json'))).toBe(true);
    expect(remedy).toContain(`Go on with "srwm resume ${folder}".`);
    expect(existsSync(path.join(folder, 'lock'))).toBe(false);
  });
});
