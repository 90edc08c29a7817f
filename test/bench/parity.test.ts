import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { easyConfig, updateProgram } from '../../bench/program.ts';
import { UpdateDriver } from '../../bench/update-driver.ts';
import { needsPython, places, python, root } from '../support/session.ts';

const SMALL = ['train.unrollLength=3', 'train.batchSize=2', 'environment.numEnvs=6'];

const bench = {
  places,
  programs: path.join(root, 'bench'),
  threads: 1,
  device: 'cpu',
  pairs: 1,
  full: false,
  assignments: SMALL,
  note: () => undefined,
  signal: new AbortController().signal,
};

describe.skipIf(python === null)(`the update's rival (${needsPython})`, { timeout: 90_000 }, () => {
  const counts = {
    srwm: 967_760,
    lstm: 1_153_616,
    delta_net: 1_054_800,
    sr_delta: 976_208,
    recurrent_delta: 1_067_344,
  };
  const cores = Object.keys(counts) as (keyof typeof counts)[];

  test.each(cores)(
    'gives the loss, the gradients and the step of the traced update with %s',
    async (core) => {
      const program = updateProgram(easyConfig(core, SMALL));
      await using driver = await UpdateDriver.open(bench, program);
      expect(driver.parameters).toBe(counts[core]);
      await driver.requireSameResult();
      expect(await driver.pair(true)).toEqual({
        ours: expect.any(Number) as number,
        rival: expect.any(Number) as number,
      });
    },
  );
});

test('measures the preset itself but for the core', () => {
  const { config } = easyConfig('feed_forward', []);
  expect(config.train).toMatchObject({ unrollLength: 50, batchSize: 32, maxGradNorm: 40 });
  expect(config.model.core).toEqual({ kind: 'feed_forward' });
});
