/** From a preset and `--set` lines to one checked config, or to every fault at once. */
import { describe, expect, it } from 'vitest';
import { SrwmError } from '../../../bridge/protocol/errors.ts';
import {
  gymnasium,
  parseAssignment,
  presetList,
  presetNamed,
  presets,
  resolveConfig,
} from '../../../src/config/index.ts';

const resolved = (preset: string, ...lines: string[]) =>
  resolveConfig(presetNamed(preset).config(), `preset ${preset}`, lines.map(parseAssignment));

function refusal(act: () => unknown): SrwmError {
  try {
    act();
  } catch (error) {
    if (error instanceof SrwmError) return error;
    throw error;
  }
  throw new Error('it must be refused, but it was accepted.');
}

describe('a preset', () => {
  it.each(presetList.map(({ name }) => name))('resolves as it is, every value set by it: %s', (name) => {
    const { config, sources } = resolved(name);
    expect(config).toEqual(presetNamed(name).config());
    expect(config.algorithm.kind).toBe(presetNamed(name).kind);
    expect(new Set(Object.values(sources))).toEqual(new Set([`preset ${name}`]));
  });

  it('is not changed by what is set on top of it', () => {
    const before = structuredClone(presetNamed('tiny').config());
    resolved('tiny', 'train.learningRate=0.5', 'model.core.kind=feed_forward');
    expect(presetNamed('tiny').config()).toEqual(before);
  });

  it('is suggested when its name is misspelt', () => {
    const error = refusal(() => presetNamed('quikstart'));
    expect(error.code).toBe('CONFIG_UNKNOWN_PRESET');
    expect(error.message).toContain(
      'quickstart, procgen-small, procgen-easy, procgen-easy-ppo, procgen-easy-popart, procgen-memory, procgen-single/<game>,',
    );
    expect(error.remedy).toContain('Did you mean "quickstart"?');
  });

  it('holds the published command of the paper under procgen-easy', () => {
    const { config } = resolved('procgen-easy');
    expect(config.algorithm).toEqual({
      kind: 'impala',
      discount: 0.99,
      lambda: 1,
      clipRhoThreshold: 1,
      clipPgRhoThreshold: 1,
      baselineCost: 0.5,
      entropyCost: 0.01,
      rewardClipping: 'abs_one',
      normalizeAdvantages: false,
      valueScale: { kind: 'none' },
      reduction: 'sum',
    });
    expect(config.train).toEqual({
      totalEnvSteps: 300_000_000,
      unrollLength: 50,
      batchSize: 32,
      burnIn: 0,
      lanes: 'auto',
      learningRate: 6e-4,
      schedule: { kind: 'linear' },
      optimizer: { kind: 'rmsprop', alpha: 0.99, epsilon: 0.01, momentum: 0 },
      maxGradNorm: 40,
      bptt: 'unroll',
    });
    expect(config.model.core).toMatchObject({
      kind: 'srwm',
      modelDim: 128,
      numHeads: 8,
      numLayers: 2,
      ffDim: 512,
      inputSoftmax: true,
    });
    expect(config.environment).toMatchObject({
      kind: 'procgen',
      games: ['bigfish', 'fruitbot', 'maze', 'leaper', 'plunder', 'starpilot'],
      distributionMode: 'easy',
      numLevels: 200,
      startLevel: 0,
    });
    expect(config.evaluation).toMatchObject({
      episodes: 200,
      play: ['sampled', 'greedy'],
      unseenStartLevel: 1000,
      unseenNumLevels: 200,
    });
  });
});

describe('an assignment', () => {
  it('sets one key and is named as its source', () => {
    const { config, sources } = resolved('tiny', 'train.learningRate=1e-3', 'seed=7');
    expect(config.train.learningRate).toBe(0.001);
    expect(config.seed).toBe(7);
    expect(sources['train.learningRate']).toBe('--set train.learningRate=1e-3');
    expect(sources['train.batchSize']).toBe('preset tiny');
  });

  it.each<[string, unknown]>([
    ['32,16', [32, 16]],
    ['32', [32]],
    ['[8,4]', [8, 4]],
  ])('takes a list as %s', (text, sizes) => {
    expect(resolved('tiny', `model.encoder.sizes=${text}`).config.model.encoder).toMatchObject({ sizes });
  });

  it('takes a list of words, and null', () => {
    const { config } = resolved('procgen-easy', 'environment.games=maze,heist', 'train.maxGradNorm=null');
    expect(config.environment).toMatchObject({ games: ['maze', 'heist'] });
    expect(config.train.maxGradNorm).toBeNull();
  });

  it('of a kind replaces its section by the defaults of that kind, whatever the order', () => {
    const lines = ['train.optimizer.momentum=0.5', 'train.optimizer.kind=rmsprop'];
    for (const order of [lines, lines.toReversed()]) {
      const { config, sources } = resolved('tiny', ...order);
      expect(config.train.optimizer).toEqual({ kind: 'rmsprop', alpha: 0.99, epsilon: 0.01, momentum: 0.5 });
      expect(sources['train.optimizer.alpha']).toBe('--set train.optimizer.kind=rmsprop');
      expect(sources['train.optimizer.momentum']).toBe('--set train.optimizer.momentum=0.5');
    }
  });

  it('of a kind inside a section applies behind the kind of that section, whatever the order', () => {
    const lines = [
      'algorithm.valueScale.kind=popart',
      'algorithm.kind=impala',
      'algorithm.valueScale.stepSize=0.1',
    ];
    for (const order of [lines, lines.toReversed()]) {
      const { algorithm } = resolved('tiny', ...order).config;
      const valueScale = { kind: 'popart', stepSize: 0.1, minScale: 1e-4, maxScale: 1e6 };
      expect(algorithm).toMatchObject({ kind: 'impala', valueScale });
    }
  });

  it('wins over an earlier one', () => {
    expect(resolved('tiny', 'seed=2', 'seed=3').config.seed).toBe(3);
  });

  it('must have a key and an equals sign', () => {
    for (const text of ['train', '=3', ''])
      expect(refusal(() => parseAssignment(text))).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(parseAssignment('a.b=c=d')).toEqual({ key: 'a.b', value: 'c=d', source: '--set a.b=c=d' });
  });
});

describe('a faulty config', () => {
  it('is refused with every fault at once, each with its value and source', () => {
    const error = refusal(() =>
      resolved(
        'tiny',
        'train.learningrate=3',
        'train.unrollLength=0',
        'train.learningRate=fast',
        'algorithm.clip=-1',
      ),
    );
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toMatchInlineSnapshot(`
      "config: 4 faults:
        train.learningrate is no key of this config (set by --set train.learningrate=3). Did you mean train.learningRate?
        algorithm.clip must be >0, got -1 (set by --set algorithm.clip=-1).
        train.unrollLength must be >=1, got 0 (set by --set train.unrollLength=0).
        train.learningRate must be number, got "fast" (set by --set train.learningRate=fast)."
    `);
  });

  it.each([
    ['environment.numEnvs=65552', 'environment.numEnvs must be <=65536, got 65552'],
    ['evaluation.numEnvs=65537', 'evaluation.numEnvs must be <=65536, got 65537'],
    ['environment.rows=257', 'environment.rows must be <=256, got 257'],
    ['environment.columns=16', 'environment.rows must be above half of environment.columns (16)'],
    ['hardware.threads=1000000', 'hardware.threads must be <=1024, got 1000000'],
  ])('is refused where no pool or worker could have it: %s', (line, said) => {
    const error = refusal(() => resolved('tiny', line));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(said);
  });

  it.each([
    ['NaN', NaN, 'got NaN'],
    ['a bigint', 3n, 'got 3'],
    ['a list of infinity', [Infinity], 'got ["Infinity"]'],
  ])('is refused as it was given where JSON would lose it: %s', (_, seed, said) => {
    const error = refusal(() => resolveConfig({ ...presetNamed('tiny').config(), seed }, 'script', []));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(`seed must be number, ${said} (set by script)`);
  });

  it('is refused with every conflict between keys, and who set each', () => {
    const error = refusal(() => resolved('tiny', 'environment.numEnvs=33', 'model.core.numHeads=5'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toMatchInlineSnapshot(`
      "config: 2 faults:
        environment.numEnvs must be a multiple of train.batchSize (16), got 33 (environment.numEnvs set by --set environment.numEnvs=33, train.batchSize set by preset tiny).
        model.core.modelDim must be a multiple of model.core.numHeads (5), got 32 (model.core.modelDim set by preset tiny, model.core.numHeads set by --set model.core.numHeads=5)."
    `);
  });

  it('under impala takes any number of slots, and refuses a batch that no run fills', () => {
    const easy = (...lines: readonly string[]) => resolved('procgen-easy', ...lines);
    for (const numEnvs of [1, 7, 31, 48, 96])
      expect(easy(`environment.numEnvs=${numEnvs}`).config.environment.numEnvs).toBe(numEnvs);
    expect(easy('environment.numEnvs=1', 'train.batchSize=64').config.train.batchSize).toBe(64);
    const refused = (...lines: readonly string[]) => {
      const { code, message } = refusal(() => easy(...lines));
      expect(code).toBe('CONFIG_INVALID');
      return message;
    };
    expect(refused('environment.numEnvs=0')).toContain('environment.numEnvs must be >=1, got 0 (set by');
    expect(refused('train.batchSize=0')).toContain('train.batchSize must be >=1, got 0 (set by');
    expect(refused('environment.numEnvs=2', 'train.batchSize=129')).toContain(
      'train.batchSize must be at most the columns of 64 unrolls (128), got 129 (train.batchSize set by --set train.batchSize=129, environment.numEnvs set by --set environment.numEnvs=2).',
    );
    // 2 slots and unrolls of 50: 401 env steps are 5 unrolls, which are 10 columns.
    const short = ['environment.numEnvs=2', 'train.totalEnvSteps=401'];
    expect(refused(...short, 'train.batchSize=11')).toContain(
      'train.batchSize must be at most the columns of the whole run (10), or it learns nothing, got 11',
    );
    expect(easy(...short, 'train.batchSize=10').config.train.batchSize).toBe(10);
  });

  it.each<[string, string, string]>([
    ['train.optimiser.epsilon=1', 'train.optimizer.epsilon', 'train.optimiser.epsilon'],
    ['seeed=4', 'seed', 'seeed'],
    ['trian.unrolLength=4', 'train.unrollLength', 'trian.unrolLength'],
    ['model.core.heads=2', 'model.core.numHeads', 'model.core.heads'],
    ['constructor=3', '', 'constructor'],
    ['__proto__.polluted=3', '', '__proto__.polluted'],
  ])('is refused with CONFIG_UNKNOWN_KEY and the nearest key: %s', (line, guess, key) => {
    const error = refusal(() => resolved('tiny', line));
    expect(error.code).toBe('CONFIG_UNKNOWN_KEY');
    expect(error.message).toContain(
      `${key} is no key of this config (set by --set ${line}). Did you mean ${guess}`,
    );
  });

  it('is refused with the key whose name it is a part of', () => {
    const error = refusal(() => resolved('procgen-small', 'environment.mode=easy'));
    expect(error.message).toContain('Did you mean environment.distributionMode?');
  });

  it('is refused with the keys of its section where it is like none of them', () => {
    const error = refusal(() => resolved('tiny', 'train.nope=1'));
    expect(error.message).toContain('The keys of train are totalEnvSteps, unrollLength, ');
  });

  it('is refused with the kinds that have the key, where this one has none of that name', () => {
    for (const kind of ['feed_forward', 'deep_feed_forward', 'fake_sr']) {
      const error = refusal(() => resolved('tiny', `model.core.kind=${kind}`, 'model.core.carry=step'));
      expect(error.code).toBe('CONFIG_UNKNOWN_KEY');
      expect(error.message).toBe(
        `model.core.carry is no key of this config (set by --set model.core.carry=step). model.core.kind is ${kind}; ` +
          'lstm, delta_net, srwm, sr_delta, linear_transformer, recurrent_delta, delta_rnn, delta_delta have that key.',
      );
    }
    expect(refusal(() => resolved('procgen-easy', 'algorithm.passes=2')).message).toContain(
      'algorithm.kind is impala; ppo has that key.',
    );
  });

  it('does not suggest the unknown key of a file to itself', () => {
    const base = { ...presetNamed('tiny').config(), seedd: 3 };
    const error = refusal(() => resolveConfig(base, 'file run.ts', []));
    expect(error.message).toBe('seedd is no key of this config (set by file run.ts). Did you mean seed?');
  });

  it.each<[string, string, RegExp]>([
    [
      'an unknown game',
      'environment.games=starpilot,coinrnu,chess',
      /must be of bigfish, bossfight, .*, starpilot; got coinrnu, chess/,
    ],
    [
      'an unknown mode',
      'environment.distributionMode=nightmare',
      /"easy"\|"hard"\|"extreme"\|"memory"\|"exploration", got "nightmare"/,
    ],
    [
      'an unknown kind',
      'model.core.kind=transformer',
      /model\.core\.kind must be 'feed_forward' \| 'deep_feed_forward' \| .* \| 'delta_delta', got "transformer"/,
    ],
    [
      'a core that cannot keep its state for a run',
      'model.core={"kind":"lstm","modelDim":8,"carry":"run"}',
      /model\.core\.carry must be one of "step"\|"unroll"\|"episode", got "run"/,
    ],
    [
      'a model size that heads do not divide',
      'model.core={"kind":"delta_net","modelDim":10,"numHeads":4,"numLayers":1,"ffDim":8,"finalNorm":false,"carry":"episode"}',
      /model\.core\.modelDim must be a multiple of model\.core\.numHeads \(4\), got 10/,
    ],
    ['an unknown device', 'hardware.device=gpu', /hardware\.device must be auto, cpu or cuda:N, got "gpu"/],
    [
      'a mode that a game lacks',
      'environment.distributionMode=memory',
      /memory exists for caveflyer, dodgeball, heist, jumper, maze, miner only, got bigfish, fruitbot, leaper, plunder, starpilot/,
    ],
    ['a fraction beyond 1', 'algorithm.discount=1.01', /algorithm\.discount must be <=1, got 1\.01/],
    ['a list with a fault', 'model.encoder.channels=16,x', /model\.encoder\.channels\[1\] must be number/],
    ['a section given as a number', 'model=3', /model must be object, got 3/],
  ])('is refused with what is allowed: %s', (_, line, message) => {
    const error = refusal(() => resolved('procgen-easy', line));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`set by --set ${line}`);
  });

  it.each([
    ['tiny', 'model.encoder.kind=patch_conv', 'model.encoder.patch=5'],
    ['tiny', 'train.burnIn=16', 'train.unrollLength=16'],
    ['procgen-easy-popart', 'algorithm.valueScale.minScale=2', 'algorithm.valueScale.maxScale=1'],
    ['tiny', 'train.burnIn=2', 'model.core.kind=feed_forward'],
    ['tiny', 'environment.kind=recall', 'model.encoder.kind=impala_resnet'],
    ['procgen-easy', 'environment.numLevels=0', 'environment.startLevel=5'],
    ['procgen-easy', 'environment.distributionMode=exploration', 'environment.games=coinrun'],
  ])('is refused for keys that do not go together: %s with %s and %s', (preset, ...lines) => {
    expect(refusal(() => resolved(preset, ...lines))).toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('keyword arguments of an environment', () => {
  it('are set one by one or as a whole, whatever their names and depth', () => {
    const { config, sources } = resolved(
      'cartpole',
      'environment.kwargs={"a":{"b":[1,"x"]}}',
      'environment.kwargs.size=5',
    );
    expect(config.environment).toMatchObject({ kwargs: { a: { b: [1, 'x'] }, size: 5 } });
    expect(sources['environment.kwargs.size']).toBe('--set environment.kwargs.size=5');
    const script = presets.cartpole({ kwargs: { a: { b: 1 } }, numEnvs: 4 });
    expect(script.environment).toMatchObject({ kwargs: { a: { b: 1 } }, numEnvs: 4 });
    expect(gymnasium({ env: 'x:Y', kwargs: { deep: { er: null } } }).kwargs).toEqual({ deep: { er: null } });
  });

  it('leave no other section open', () => {
    expect(refusal(() => resolved('cartpole', 'environment.size=5')).code).toBe('CONFIG_UNKNOWN_KEY');
    expect(refusal(() => resolved('tiny', 'environment.kwargs.size=5')).code).toBe('CONFIG_UNKNOWN_KEY');
  });
});
