/** The published settings on ProcGen, and the families of presets with one member a game. */
import { describe, expect, it } from 'vitest';
import { presetList, presetNamed, presetRows, presets, resolveConfig } from '../../../src/config/index.ts';
import { GAMES, MODE_GAMES } from '../../../src/config/games.ts';

const easy = presets.procgenEasy();

describe('procgen-memory', () => {
  it('is procgen-easy on four games of the memory distribution with 500 levels', () => {
    expect(presets.procgenMemory()).toEqual({
      ...easy,
      environment: {
        ...easy.environment,
        games: ['dodgeball', 'heist', 'maze', 'miner'],
        distributionMode: 'memory',
        numLevels: 500,
      },
    });
  });
});

describe('one game alone', () => {
  it.each([
    ['procgen-single', 'easy', 200, GAMES],
    ['procgen-hard', 'hard', 500, GAMES],
    ['procgen-extreme', 'extreme', 500, MODE_GAMES.extreme],
  ] as const)('%s/<game> is %s with %i levels, for each game of the mode', (prefix, mode, levels, games) => {
    const own = presetList.filter(({ name }) => name.startsWith(`${prefix}/`));
    expect(own.map(({ name }) => name)).toEqual(games.map((game) => `${prefix}/${game}`));
    for (const [i, preset] of own.entries()) {
      const config = preset.config();
      expect(config).toEqual({
        ...easy,
        train: { ...easy.train, totalEnvSteps: 200_000_000 },
        environment: {
          ...easy.environment,
          games: [games[i]],
          distributionMode: mode,
          numLevels: levels,
        },
      });
      expect(resolveConfig(config, 'preset', []).config).toEqual(config);
    }
  });

  it('is the same from a script, with changes on top', () => {
    expect(presets.procgenSingle({ game: 'miner' })).toEqual(presetNamed('procgen-single/miner').config());
    const hard = presetNamed('procgen-hard/ninja').config();
    expect(presets.procgenSingle({ game: 'ninja', mode: 'hard', seed: 4 })).toEqual({ ...hard, seed: 4 });
  });

  it('is refused for a game or a mode that does not exist', () => {
    const wrong = (what: object) => () => presets.procgenSingle(what as { game: 'maze' });
    expect(wrong({ game: 'pong' })).toThrow(/environment.games must be of .*got pong/);
    expect(wrong({ game: 'maze', mode: 'extreme' })).toThrow(/extreme exists for chaser, .*got maze/);
    expect(wrong({ game: 'maze', mode: 'toString' })).toThrow(
      /"mode" must be of easy, hard, extreme, got "toS/,
    );
    expect(() => presetNamed('procgen-extreme/chasr')).toThrow(/procgen-extreme\/<game>, .*got "procgen-e/);
  });
});

describe("train-procgen's PPO", () => {
  it('has the constants of its command, on one easy game', () => {
    const { algorithm, train, environment, model } = presetNamed('procgen-ppo/coinrun').config();
    expect(algorithm).toEqual({
      kind: 'ppo',
      discount: 0.999,
      lambda: 0.95,
      clip: 0.2,
      valueClip: 0.2,
      passes: 3,
      baselineCost: 0.5,
      entropyCost: 0.01,
      normalizeAdvantages: true,
      normalizeOver: 'update',
      normalizeRewards: true,
      rewardDiscount: 0.99,
      rewardClip: 10,
    });
    expect(train).toMatchObject({
      totalEnvSteps: 25_000_000,
      unrollLength: 256,
      learningRate: 5e-4,
      schedule: { kind: 'constant' },
      optimizer: { kind: 'adam', epsilon: 1e-5 },
      maxGradNorm: 0.5,
    });
    expect(environment).toMatchObject({ games: ['coinrun'], numEnvs: 64, numLevels: 200 });
    expect(environment.numEnvs / train.batchSize).toBe(8);
    expect(model).toMatchObject({ encoder: easy.model.encoder, core: { kind: 'feed_forward' } });
  });

  it('on the six games differs from procgen-easy in the rule and how it is fed, and in nothing else', () => {
    const multi = presetNamed('procgen-easy-ppo').config();
    expect(multi).toEqual({
      ...easy,
      algorithm: presetNamed('procgen-ppo/maze').config().algorithm,
      train: { ...presetNamed('procgen-ppo/maze').config().train, totalEnvSteps: 300_000_000, batchSize: 12 },
      checkpoint: multi.checkpoint,
    });
  });
});

describe('procgen-easy-popart', () => {
  it('is procgen-easy with rewards as they are and a value scale a game', () => {
    const valueScale = { kind: 'popart', stepSize: 3e-4, minScale: 1e-4, maxScale: 1e6 };
    const algorithm = { ...easy.algorithm, rewardClipping: 'none', valueScale };
    expect(presetNamed('procgen-easy-popart').config()).toEqual({ ...easy, algorithm });
    expect(
      presets.procgenEasy({ algorithm: { rewardClipping: 'none', valueScale: { kind: 'popart' } } }),
    ).toEqual({
      ...easy,
      algorithm,
    });
  });

  it('goes without a loss or gradients of the author, with a sentence', () => {
    const config = presetNamed('procgen-easy-popart').config();
    expect(() => resolveConfig(config, 'file', [], ['core', 'loss'])).toThrow(
      /popart is a part of impala.*got loss/,
    );
    expect(resolveConfig(config, 'file', [], ['core']).config).toEqual(config);
  });
});

describe('the list for people', () => {
  it('has one row for each preset or family, and covers every preset', () => {
    const names = presetRows().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('procgen-single/<game>');
    const covers = (name: string) =>
      names.includes(name) || names.includes(`${name.split('/')[0] ?? ''}/<game>`);
    expect(presetList.filter(({ name }) => !covers(name))).toEqual([]);
  });
});
