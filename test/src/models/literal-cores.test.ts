/** Every sequence core against its equations in plain numbers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORE_KINDS } from '../../../src/models/index.ts';
import type { Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import { largestDifference, needsPython, numbers, python, startSession } from '../../support/session.ts';
import { literalCore } from './literal-cores.ts';
import { makeSet } from './sets.ts';
import { BATCH, coreGraph, runCore, smallCore, WIDTH, zeroState } from './small-cores.ts';

const TIME = 6;
const SIZES = { numHeads: 2, numLayers: 2, modelDim: 8 };

describe.skipIf(python === null)(`cores (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session.close());

  it.each(CORE_KINDS)('%s gives what its equations give', async (kind) => {
    const core = smallCore(kind);
    const graph = coreGraph(core, TIME);
    await makeSet(session, kind, graph);
    const declared = graph.declarations.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
    const asked = { handles: [], set: kind, parameters: declared.map(({ name }) => name) };
    const tensors = declared.length === 0 ? [] : (await session.exchange('get', asked)).tensors;
    const parameters = new Map(
      declared.map(({ name, shape }, i) => [name, { shape, values: numbers(tensors[i]) }] as const),
    );
    const x = noise(TIME * BATCH * WIDTH, 5).map((value) => 3 * value);
    const isFirst = Array<number>(TIME * BATCH).fill(0);
    const { y } = await runCore(session, kind, core, { time: TIME, x, isFirst, state: zeroState(core) });
    const size = y.length / TIME / BATCH;
    for (let slot = 0; slot < BATCH; slot++) {
      const column = (values: readonly number[], width: number, t: number) =>
        values.slice((t * BATCH + slot) * width, (t * BATCH + slot + 1) * width);
      const xs = [...Array(TIME).keys()].map((t) => column(x, WIDTH, t));
      const got = [...Array(TIME).keys()].flatMap((t) => column(y, size, t));
      expect(largestDifference(got, literalCore(kind, SIZES, parameters, xs).flat())).toBeLessThan(2e-6);
    }
  });
});
