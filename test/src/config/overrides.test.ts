import { expect, test } from 'vitest';
import { catchGame, presetNamed, presets, procgen, recall, loopConfig } from '../../../src/config/index.ts';

test('presets without changes are what the command line trains', () => {
  expect(presets.quickstart()).toEqual(presetNamed('quickstart').config());
  expect(presets.procgenSmall()).toEqual(presetNamed('procgen-small').config());
  expect(presets.procgenEasy()).toEqual(presetNamed('procgen-easy').config());
  expect(presets.tiny({})).toEqual(presetNamed('tiny').config());
});

test('changes reach their section and leave the rest', () => {
  const base = presets.procgenEasy();
  const config = presets.procgenEasy({
    games: ['bigfish'],
    numLevels: 50,
    seed: 9,
    totalEnvSteps: 1000,
    train: { batchSize: 16, optimizer: { alpha: 0.9 } },
  });
  expect(config).toEqual({
    ...base,
    seed: 9,
    environment: { ...base.environment, games: ['bigfish'], numLevels: 50 },
    train: {
      ...base.train,
      totalEnvSteps: 1000,
      batchSize: 16,
      optimizer: { ...base.train.optimizer, alpha: 0.9 },
    },
  });
});

test('a kind brings its own defaults', () => {
  const { model } = presets.tiny({ model: { core: { kind: 'srwm', numHeads: 2 } } });
  expect(model.core).toMatchObject({ kind: 'srwm', numHeads: 2, modelDim: 128, numLayers: 2 });
  expect(presets.tiny({ environment: { kind: 'recall', delay: 2 } }).environment).toEqual(
    recall({ delay: 2 }),
  );
});

test('what types cannot see is refused with a code, the place and the nearest key', () => {
  const wrong = { numLevel: 5 } as object;
  expect(() => presets.procgenEasy(wrong)).toThrow(
    'environment.numLevel is no key of this config (set by presets.procgenEasy({...})). Did you mean environment.numLevels?',
  );
  const both = { seed: -1, train: { batchSize: 0 } };
  expect(() => presets.tiny(both)).toThrow(/config: 2 faults:[^]*seed must be[^]*train.batchSize must be/);
  expect(() => presets.tiny({ numEnvs: 7 })).toThrow(/numEnvs must be a multiple of train.batchSize/);
});

test('environment sections take what differs and check it', () => {
  expect(procgen({ games: ['maze'] })).toMatchObject({ kind: 'procgen', games: ['maze'], numEnvs: 96 });
  expect(catchGame()).toEqual({ kind: 'catch', numEnvs: 32, rows: 8, columns: 6, blank: false });
  expect(() => catchGame({ rows: 1 })).toThrow(/environment.rows must be .*got 1 \(set by catchGame/);
  expect(() => recall({ cues: 3 } as object)).toThrow(/environment.cues is no key/);
  expect(() => procgen({ games: ['pong'] as unknown as ['maze'] })).toThrow(/must be of bigfish.*got pong/);
});

test('a loop starts from the setting of its rule and takes the columns that fit', () => {
  const config = loopConfig('ppo', {
    env: catchGame({ numEnvs: 24 }),
    learningRate: 1e-3,
    algorithm: { clip: 0.1 },
  });
  expect(config.algorithm).toMatchObject({ kind: 'ppo', clip: 0.1, lambda: 0.95 });
  expect(config.train).toMatchObject({ batchSize: 24, learningRate: 1e-3, optimizer: { kind: 'adam' } });
  expect(loopConfig('impala', { env: procgen() }).train).toMatchObject({
    batchSize: 32,
    optimizer: { kind: 'rmsprop' },
  });
  const typo = { env: catchGame(), learningrate: 1 };
  expect(() => loopConfig('ppo', typo)).toThrow(
    /train.learningrate is no key.*Did you mean train.learningRate/,
  );
});
