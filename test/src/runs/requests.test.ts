/**
 * What a run asks of its worker, whole: golden/requests-*.txt. A change of them is made with
 * `npx vitest run test/src/runs/requests.test.ts -u` and read in the diff.
 */
import { describe, expect, test } from 'vitest';
import { gradientTransform, mapTensors, type OwnParts } from '../../../src/train/index.ts';
import { requestsOf, textOf, type Request } from './request-list.ts';
import { needsPython, newFolder, python, SMALL, SMALL_IMPALA, tiny } from './run-fixture.ts';

const SHORT = [
  'train.totalEnvSteps=128',
  'checkpoint.everyUpdates=2',
  'evaluation.atEnd=true',
  'evaluation.episodes=8',
  'evaluation.numEnvs=8',
];
const IMPALA = [...SMALL_IMPALA, ...SHORT];
const PPO = [...SMALL, ...SHORT];

const algorithm = (key: string): string => `algorithm.${key}`;
const train = (key: string): string => `train.${key}`;

/** Every key that turns a feature on, turned off in so many words, and the settings of features that are off. */
const OFF = [
  'train.burnIn=0',
  'train.lanes=synchronous',
  'train.bptt=unroll',
  'environment.blank=false',
  'model.core.carry=episode',
  'model.core.releasedNorm=false',
  'model.rewardInput=abs_one',
  'model.rewardAtReset=zero',
  'evaluation.everyUpdates=null',
  'evaluation.state=carry',
  // The game has no levels: a ledger of them, and levels that were never trained on, are no part of it.
  'evaluation.protocol=episodes',
  'evaluation.unseenStartLevel=77',
  'evaluation.unseenNumLevels=7',
  'evaluation.normalization=cobbe_paper',
  'evaluation.blindSearch.rounds=0',
  'evaluation.blindSearch.candidates=7',
  'evaluation.blindSearch.episodes=3',
  'checkpoint.keep=1',
  'hardware.precision=float32',
  'hardware.lanes=turns',
];
const OFF_IMPALA = [
  'algorithm.valueScale.kind=none',
  'algorithm.rewardClipping=abs_one',
  'algorithm.normalizeAdvantages=false',
  'algorithm.lambda=1',
];
const OFF_PPO = [
  'algorithm.normalizeRewards=false',
  // Of rewards that are not normalised.
  'algorithm.rewardDiscount=0.5',
];
/** Keys that no run is without: each chooses between things of which one is always there. */
const ALWAYS = [
  'seed',
  ...['kind', 'discount', 'clipRhoThreshold', 'clipPgRhoThreshold', 'baselineCost', 'entropyCost'].map(
    algorithm,
  ),
  ...['reduction', 'lambda', 'clip', 'valueClip', 'passes', 'normalizeAdvantages', 'normalizeOver'].map(
    algorithm,
  ),
  'algorithm.rewardClip',
  ...['totalEnvSteps', 'unrollLength', 'batchSize', 'learningRate', 'schedule', 'optimizer'].map(train),
  'train.maxGradNorm',
  ...['kind', 'numEnvs', 'rows', 'columns'].map((key) => `environment.${key}`),
  'model.encoder',
  ...['kind', 'modelDim', 'numLayers', 'ffDim', 'finalNorm', 'numHeads', 'inputSoftmax'].map(
    (key) => `model.core.${key}`,
  ),
  'model.initialization',
  'model.policyGain',
  'checkpoint.everyUpdates',
  ...['atEnd', 'episodes', 'numEnvs', 'play', 'maxEpisodeSteps'].map((key) => `evaluation.${key}`),
  'hardware.device',
  'hardware.threads',
];
const NO_PARTS = Object.fromEntries(
  ['encoder', 'core', 'policy', 'loss', 'gradients', 'curriculum'].map((name) => [name, undefined]),
);

/** A run's requests; those of the plain runs are asked for again and again. */
const known = new Map<string, Promise<Request[]>>();
function asked(sets: readonly string[], own: OwnParts = {}): Promise<Request[]> {
  const key = JSON.stringify([sets, Object.keys(own)]);
  const found = known.get(key) ?? requestsOf(tiny(...sets), newFolder(), own);
  known.set(key, found);
  return found;
}

const of = (requests: readonly Request[], ...verbs: readonly string[]) =>
  requests.filter(({ verb }) => verbs.includes(verb));
const without = (requests: readonly Request[], ...verbs: readonly string[]) =>
  requests.filter(({ verb }) => !verbs.includes(verb));
const graphsOf = (requests: readonly Request[]) =>
  of(requests, 'load_graph').map(({ body }) => (body['graph'] as { readonly name: string }).name);
/** Pools and handles of evaluations have names of their own. */
const isOfEvaluation = ({ body }: Request): boolean =>
  Object.values(body).some((value) => /"(evaluate|blind)\//.test(JSON.stringify(value, keyless)));
const keyless = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

test.each([
  ['impala', IMPALA, OFF_IMPALA],
  ['ppo', PPO, OFF_PPO],
])('every key of a run of %s is turned off here, or is one that no run is without', (_, sets, off) => {
  const named = [...[...OFF, ...off].map((one) => one.replace(/(\.kind)?=.*/, '')), ...ALWAYS];
  const unnamed = keysOf(tiny(...sets).config).filter(
    (key) => !named.some((name) => key === name || key.startsWith(`${name}.`)),
  );
  expect(unnamed).toEqual([]);
});

function keysOf(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? keysOf(one, `${prefix}${key}.`)
      : [`${prefix}${key}`],
  );
}

describe.skipIf(python === null)(`a run's requests (${needsPython})`, () => {
  test.each([
    ['impala', IMPALA],
    ['ppo', PPO],
  ])('of %s are those of golden/', async (name, sets) => {
    await expect(textOf(await asked(sets))).toMatchFileSnapshot(`golden/requests-${name}.txt`);
  });

  test.each([
    ['impala', IMPALA, OFF_IMPALA],
    ['ppo', PPO, OFF_PPO],
  ])('of %s are the same where every feature is turned off in so many words', async (_, sets, off) => {
    expect(await requestsOf(tiny(...sets, ...OFF, ...off), newFolder(), NO_PARTS)).toEqual(await asked(sets));
  });

  test('to evaluate while training are all about pools of evaluations', async () => {
    const [off, on] = [await asked(IMPALA), await asked([...IMPALA, 'evaluation.everyUpdates=2'])];
    expect(on.length).toBeGreaterThan(off.length);
    const training = (requests: readonly Request[]) =>
      without(requests, 'load_graph').filter((request) => !isOfEvaluation(request));
    expect(training(on)).toEqual(training(off));
    expect(graphsOf(on).sort()).toEqual(graphsOf(off).sort());
  });

  test('with a transform of gradients send it once and name it in each step', async () => {
    const gradients = gradientTransform('halves', (given) =>
      mapTensors(given.gradients, (one) => one.mul(0.5)),
    );
    const [off, on] = [await asked(IMPALA), await asked(IMPALA, { gradients })];
    expect(without(on, 'load_graph', 'apply')).toEqual(without(off, 'load_graph', 'apply'));
    expect(graphsOf(on).filter((name) => !graphsOf(off).includes(name))).toHaveLength(1);
    const steps = (requests: readonly Request[]) =>
      of(requests, 'apply').map(({ body }) => ({ ...body, transform: null }));
    expect(steps(on)).toEqual(steps(off));
    expect(of(on, 'apply').map(({ body }) => body['transform'])).not.toContain(null);
  });

  test('with burn-in warm the core state up once an unroll, and only the loss starts from it', async () => {
    const [off, on] = [await asked(IMPALA), await asked([...IMPALA, 'train.burnIn=2'])];
    const isWarming = ({ body }: Request): boolean =>
      JSON.stringify(body['store'] ?? {}).includes('burn_in/');
    const unrolls = of(on, 'collect').filter((request) => !isOfEvaluation(request));
    expect(on.filter(isWarming)).toHaveLength(unrolls.length);
    const others = (requests: readonly Request[]) =>
      without(requests, 'load_graph', 'accumulate').filter((request) => !isWarming(request));
    expect(others(on)).toEqual(others(off));
    expect(of(on, 'accumulate')).not.toEqual(of(off, 'accumulate'));
    expect(graphsOf(on).filter((name) => !graphsOf(off).includes(name))).toEqual(['burn_in']);
  });

  test('with columns that wait move the window on once an unroll, and learn from it alone', async () => {
    const [off, on] = [await asked(IMPALA), await asked([...IMPALA, 'environment.numEnvs=6'])];
    const isMoving = ({ body }: Request): boolean =>
      Object.keys(body['store'] ?? {}).includes('window/observation');
    const unrolls = of(on, 'collect').filter((request) => !isOfEvaluation(request));
    expect(on.filter(isMoving)).toHaveLength(unrolls.length);
    expect(graphsOf(on).filter((name) => !graphsOf(off).includes(name))).toEqual([
      'column_window',
      'empty_left_over',
    ]);
    for (const { body } of of(on, 'accumulate')) {
      const read = Object.values(body['inputs'] as Record<string, { readonly id?: string }>);
      expect(read.every(({ id = 'window/' }) => id.startsWith('window/'))).toBe(true);
    }
    const kept = of(on, 'save').map(({ body }) => body['handles'] as string[]);
    expect(kept.length).toBeGreaterThan(0);
    for (const handles of kept) expect(handles).toContain('left_over/state/layer0/fast_weight_delta');
  });
});
