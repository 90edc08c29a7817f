/** What each kind of section starts from. Every default of the system is in this folder. */
import { cores } from './core-defaults.ts';
import type {
  AlgorithmConfig,
  Config,
  EnvironmentConfig,
  ImpalaConfig,
  ModelConfig,
  PpoConfig,
  TrainConfig,
} from './schema.ts';

type OfKind<U extends { kind: string }, K extends U['kind']> = Extract<U, { kind: K }>;
type Defaults<U extends { kind: string }> = { readonly [K in U['kind']]: OfKind<U, K> };

export const valueScales: Defaults<ImpalaConfig['valueScale']> = {
  none: { kind: 'none' },
  popart: { kind: 'popart', stepSize: 3e-4, minScale: 1e-4, maxScale: 1e6 },
};

const impala: ImpalaConfig = {
  kind: 'impala',
  discount: 0.99,
  lambda: 1,
  clipRhoThreshold: 1,
  clipPgRhoThreshold: 1,
  baselineCost: 0.5,
  entropyCost: 0.01,
  rewardClipping: 'abs_one',
  normalizeAdvantages: false,
  valueScale: valueScales.none,
  reduction: 'sum',
};
const ppo: PpoConfig = {
  kind: 'ppo',
  discount: 0.99,
  lambda: 0.95,
  clip: 0.2,
  valueClip: 0.2,
  passes: 2,
  baselineCost: 0.5,
  entropyCost: 0.01,
  normalizeAdvantages: true,
  normalizeOver: 'unroll',
  normalizeRewards: true,
  rewardDiscount: null,
  rewardClip: 10,
};

export const algorithms: Defaults<AlgorithmConfig> = { impala, ppo };

export const optimizers: Defaults<TrainConfig['optimizer']> = {
  rmsprop: { kind: 'rmsprop', alpha: 0.99, epsilon: 0.01, momentum: 0 },
  adam: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-5 },
};

export const schedules: Defaults<TrainConfig['schedule']> = {
  constant: { kind: 'constant' },
  linear: { kind: 'linear' },
};

export const environments: Defaults<EnvironmentConfig> = {
  procgen: {
    kind: 'procgen',
    games: ['bigfish', 'fruitbot', 'maze', 'leaper', 'plunder', 'starpilot'],
    numEnvs: 96,
    numHosts: 2,
    distributionMode: 'easy',
    numLevels: 200,
    startLevel: 0,
    centerAgent: true,
    useBackgrounds: true,
    restrictThemes: false,
    useMonochromeAssets: false,
    blank: false,
  },
  catch: { kind: 'catch', numEnvs: 32, rows: 8, columns: 6, blank: false },
  recall: { kind: 'recall', numEnvs: 32, numCues: 4, delay: 4, blank: false },
  gymnasium: {
    kind: 'gymnasium',
    env: 'CartPole-v1',
    kwargs: {},
    numEnvs: 16,
    numHosts: 1,
    numLevels: null,
    startLevel: 0,
    maxEpisodeSteps: 10_000,
    maxFaults: 3,
    timeoutSeconds: 60,
    blank: false,
  },
};

export const encoders: Defaults<ModelConfig['encoder']> = {
  impala_resnet: {
    kind: 'impala_resnet',
    channels: [16, 32, 32],
    widthMultiplier: 1,
    blocks: 2,
    spaceToDepth: 1,
    poolFirstStage: true,
    outputDim: 256,
    scale: 1 / 255,
    shift: 0,
    residualGain: 1,
  },
  patch_conv: { kind: 'patch_conv', patch: 4, channels: [16, 32], outputDim: 128, scale: 1 / 64 },
  mlp: { kind: 'mlp', sizes: [64], scale: 1 / 255, shift: 0 },
};

/** Sections whose `.kind` may be set: path to the defaults of each kind. */
export const kindSections: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  algorithm: algorithms,
  'algorithm.valueScale': valueScales,
  environment: environments,
  'model.encoder': encoders,
  'model.core': cores,
  'train.optimizer': optimizers,
  'train.schedule': schedules,
};

/** Everything that no kind decides: the setting of the paper's easy distribution (Irie et al. 2022). */
export const paper: Config = {
  seed: 1,
  algorithm: impala,
  train: {
    totalEnvSteps: 300_000_000,
    unrollLength: 50,
    batchSize: 32,
    burnIn: 0,
    lanes: 'auto',
    learningRate: 6e-4,
    schedule: schedules.linear,
    optimizer: optimizers.rmsprop,
    maxGradNorm: 40,
    bptt: 'unroll',
  },
  environment: environments.procgen,
  model: {
    encoder: encoders.impala_resnet,
    core: cores.srwm,
    initialization: 'torch',
    policyGain: 1,
    rewardInput: 'abs_one',
    rewardAtReset: 'zero',
  },
  checkpoint: { everyUpdates: 1000, keep: 3 },
  evaluation: {
    protocol: 'ledger',
    state: 'carry',
    normalization: 'cobbe_code',
    everyUpdates: null,
    atEnd: false,
    episodes: 200,
    numEnvs: 50,
    play: ['sampled', 'greedy'],
    unseenStartLevel: 1000,
    unseenNumLevels: 200,
    maxEpisodeSteps: 8000,
    blindSearch: { rounds: 0, candidates: 48, episodes: 8 },
  },
  hardware: { device: 'auto', precision: 'float32', threads: 'auto', lanes: 'auto' },
};
