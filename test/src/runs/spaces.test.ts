import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spacesOf } from '../../../src/runs/index.ts';
import { openPool, poolSpec, Session } from '../../../src/train/index.ts';
import { needsPython, places, python, tiny } from './run-fixture.ts';

describe.skipIf(python === null)(`spaces known without a worker (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await Session.start(
      places,
      { device: 'cpu', precision: 'float32', threads: 1 },
      { logFile: null },
    );
  });
  afterAll(() => session.close());

  async function expectAgreement(...sets: readonly string[]): Promise<void> {
    const { environment } = tiny(...sets).config;
    const pool = await openPool(session, 'asked', poolSpec(environment, 3, places));
    await session.call('close_pool', { pool: 'asked' });
    const { observationShape, observationDtype, numActions } = pool;
    expect({ observationShape, observationDtype, numActions }).toEqual(spacesOf(environment));
    expect(pool.numEnvs).toBe(environment.numEnvs);
  }

  test.each([
    ['catch', []],
    ['catch of other sizes', ['environment.rows=5', 'environment.columns=9']],
    ['recall', ['environment.kind=recall']],
    ['recall with other cues', ['environment.kind=recall', 'environment.numCues=7', 'environment.delay=2']],
  ])('are what a pool of %s answers', (_, sets) =>
    expectAgreement(...sets, 'environment.numEnvs=2', 'train.batchSize=2'),
  );

  test.skipIf(places.procgenLibrary === null)(
    'are what a pool of ProcGen answers (needs its native library)',
    () =>
      expectAgreement(
        'environment.kind=procgen',
        'environment.games=maze,heist',
        'environment.numEnvs=2',
        'environment.numHosts=1',
        'train.batchSize=2',
        'model.encoder.kind=patch_conv',
      ),
  );
});
