/** The whole configuration of a run, as zod schemas: every key, its type and its bounds. */
import { z } from 'zod';
import { coreSchema } from './core-schema.ts';

const positive = z.int().min(1);
const fraction = z.number().min(0).max(1);
const rate = z.number().min(0);
/** Slots of a pool. These bounds are those of pools, so that what no pool can is said before one is opened. */
export const MOST_SLOTS = 2 ** 16;
/** The largest level: what a pool takes for one, and Gymnasium for a seed. */
export const LAST_LEVEL = 2 ** 31 - 2;
const slots = positive.max(MOST_SLOTS);
const hosts = positive.max(1024);
const side = z.int().min(3).max(256);
const int32 = 2 ** 31 - 1;
const doc = (text: string) => ({ description: text });

const popArt = z.strictObject({
  kind: z
    .literal('popart')
    .meta(doc('A mean and a scale of its own for the values of each game (Hessel et al. 2018).')),
  stepSize: z.number().positive().max(1).meta(doc('Of the moments of the value targets, an update.')),
  minScale: z.number().positive(),
  maxScale: z.number().positive(),
});

const impala = z.strictObject({
  kind: z.literal('impala').meta(doc('Actor-critic with V-trace (Espeholt et al. 2018).')),
  discount: fraction,
  lambda: fraction.meta(doc("V-trace's lambda; 1 in the paper.")),
  clipRhoThreshold: rate,
  clipPgRhoThreshold: rate,
  baselineCost: rate,
  entropyCost: rate,
  rewardClipping: z
    .enum(['abs_one', 'soft_asymmetric', 'none'])
    .meta(doc('Of the rewards that are learnt from; what the network hears is model.rewardInput.')),
  normalizeAdvantages: z.boolean(),
  valueScale: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none').meta(doc('Values in the units of the clipped rewards.')) }),
    popArt,
  ]),
  reduction: z.enum(['sum', 'mean']).meta(doc('Over the [T, B] elements of a loss; the paper sums.')),
});

const ppo = z.strictObject({
  kind: z.literal('ppo').meta(doc('Clipped surrogate with generalised advantages (Schulman et al. 2017).')),
  discount: fraction,
  lambda: fraction,
  clip: z.number().positive().meta(doc('Of the importance ratio.')),
  valueClip: z.number().positive().nullable().meta(doc('Of the move of a value estimate; null = none.')),
  passes: positive.meta(doc('Over the data of one unroll.')),
  baselineCost: rate,
  entropyCost: rate,
  normalizeAdvantages: z.boolean(),
  normalizeOver: z
    .enum(['unroll', 'update'])
    .meta(doc('What advantages are normalised over: the unroll once, or the columns of each update.')),
  normalizeRewards: z.boolean().meta(doc('Divide by the running deviation of the discounted return.')),
  rewardDiscount: fraction
    .nullable()
    .meta(doc('Of the return whose deviation scales rewards; null = algorithm.discount.')),
  rewardClip: z.number().positive().meta(doc('Bound of normalised rewards.')),
});

const rmsprop = z.strictObject({
  kind: z.literal('rmsprop'),
  alpha: fraction,
  epsilon: z.number().positive(),
  momentum: fraction,
});
const adam = z.strictObject({
  kind: z.literal('adam'),
  beta1: fraction,
  beta2: fraction,
  epsilon: z.number().positive(),
});

const train = z.strictObject({
  totalEnvSteps: positive,
  unrollLength: positive.meta(doc('T: env steps of every slot in one unroll.')),
  batchSize: positive.meta(doc('Env columns in one update; under ppo a divisor of environment.numEnvs.')),
  burnIn: z
    .int()
    .min(0)
    .meta(doc('First steps of an unroll that only warm the core state up, under the present parameters.')),
  lanes: z
    .enum(['auto', 'synchronous', 'overlapped'])
    .meta(
      doc('Whether an unroll is collected while the former one is learnt from; auto = for impala on a GPU.'),
    ),
  learningRate: z.number().positive(),
  schedule: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('constant') }),
    z.strictObject({ kind: z.literal('linear').meta(doc('To 0 at totalEnvSteps.')) }),
  ]),
  optimizer: z.discriminatedUnion('kind', [rmsprop, adam]),
  maxGradNorm: z.number().positive().nullable(),
  bptt: z
    .enum(['unroll', 'step'])
    .meta(
      doc(
        "How far gradients reach through the core's state: the unroll, or one step, as the released code trains every core but the LSTM.",
      ),
    ),
});

const procgen = z.strictObject({
  kind: z.literal('procgen').meta(doc('Linux x86-64 only.')),
  games: z.array(z.string()).min(1),
  numEnvs: slots,
  numHosts: hosts.meta(doc('Processes that step the games; any number gives the same bits.')),
  distributionMode: z.enum(['easy', 'hard', 'extreme', 'memory', 'exploration']),
  numLevels: z.int().min(0).max(int32).meta(doc('0 = every level there is.')),
  startLevel: z.int().min(0).max(int32),
  centerAgent: z.boolean(),
  useBackgrounds: z.boolean(),
  restrictThemes: z.boolean(),
  useMonochromeAssets: z.boolean(),
  blank: z.boolean().meta(doc('Black images to the policy: a control that must not learn to see.')),
});
const catchGame = z.strictObject({
  kind: z.literal('catch').meta(doc('A ball falls, a paddle catches it; from pixels.')),
  numEnvs: slots,
  rows: side,
  columns: side,
  blank: z.boolean(),
});
const recall = z.strictObject({
  kind: z.literal('recall').meta(doc('A cue is shown once and must be named `delay` steps later.')),
  numEnvs: slots,
  numCues: z.int().min(2).max(256),
  delay: positive.max(2 ** 20),
  blank: z.boolean(),
});

const gymnasium = z.strictObject({
  kind: z.literal('gymnasium').meta(doc('Any Gymnasium environment with Box or Discrete observations.')),
  env: z
    .string()
    .min(1)
    .meta(doc('CartPole-v1, package.module:ClassOrFactory, or ./file.py:ClassOrFactory in the project.')),
  kwargs: z.record(z.string(), z.json()).meta(doc('Keyword arguments of the environment.')),
  numEnvs: slots,
  numHosts: hosts.meta(doc('Processes that step the environments; any number gives the same bits.')),
  numLevels: z
    .int()
    .min(0)
    .nullable()
    .meta(
      doc(
        'Levels are seeds of reset: so many from startLevel on, 0 = every one; null = none are told apart.',
      ),
    ),
  startLevel: z.int().min(0),
  maxEpisodeSteps: positive.max(int32).meta(doc('An episode of so many steps is truncated.')),
  maxFaults: positive.max(int32).meta(doc("So many faults of a slot's environment in a row end the run.")),
  // Below the time after which a request that does not move on counts as hung.
  timeoutSeconds: z.number().min(0.1).max(240).meta(doc('For each reset and each step.')),
  blank: z.boolean(),
});

const impalaResnet = z.strictObject({
  kind: z.literal('impala_resnet'),
  channels: z.array(positive).min(1),
  blocks: z.int().min(0),
  spaceToDepth: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)]),
  poolFirstStage: z.boolean(),
  widthMultiplier: positive.meta(doc('Of the channels of all stages: the released `--conv_scale`.')),
  outputDim: positive,
  scale: z.number(),
  shift: z.number(),
  residualGain: z.number(),
});
const patchConv = z.strictObject({
  kind: z.literal('patch_conv').meta(doc('Patches and strided convolutions: a tenth of the cost, for CPUs.')),
  patch: positive,
  channels: z.array(positive).min(1),
  outputDim: positive,
  scale: z.number(),
});
const mlp = z.strictObject({
  kind: z.literal('mlp'),
  sizes: z.array(positive).min(1),
  scale: z.number(),
  shift: z.number(),
});

const model = z.strictObject({
  encoder: z.discriminatedUnion('kind', [impalaResnet, patchConv, mlp]),
  core: coreSchema,
  initialization: z.enum(['torch', 'he_orthogonal']),
  policyGain: z.number().positive().meta(doc('Start of the policy head under he_orthogonal.')),
  rewardInput: z
    .enum(['abs_one', 'soft_asymmetric', 'none', 'absent'])
    .meta(doc('How the last reward is bounded before the core hears it; absent = it hears none.')),
  rewardAtReset: z
    .enum(['zero', 'former_episode'])
    .meta(doc("With an episode's first observation; the released code hands over the former episode's.")),
});

const evaluation = z.strictObject({
  protocol: z
    .enum(['ledger', 'paper', 'episodes'])
    .meta(doc('Each level once; as the released code tests; or whole episodes of levels as they come.')),
  state: z
    .enum(['carry', 'unroll'])
    .meta(doc('unroll: the core state starts anew after each train.unrollLength steps of an episode.')),
  normalization: z
    .enum(['cobbe_code', 'cobbe_paper'])
    .meta(doc("Minimum and maximum returns of the games: the authors' code's, or their appendix's.")),
  everyUpdates: positive
    .nullable()
    .meta(doc('Evaluate while training, too, at the next border between unrolls; null = not.')),
  atEnd: z.boolean().meta(doc('Evaluate when training ends, and print the result beside the baselines.')),
  episodes: positive.meta(
    doc(
      'A game and split; with the ledger only where a split has no end (numLevels 0), as its first levels.',
    ),
  ),
  numEnvs: slots,
  play: z.array(z.enum(['sampled', 'greedy'])).min(1),
  unseenStartLevel: z.int().min(0),
  unseenNumLevels: z.int().min(0),
  maxEpisodeSteps: positive.meta(doc('A safety bound; no game of ProcGen runs so long.')),
  blindSearch: z.strictObject({
    rounds: z.int().min(0).meta(doc('0 = no search for the best policy that never looks.')),
    candidates: positive,
    episodes: positive.meta(doc('A candidate and round.')),
  }),
});

export const environmentSchema = z.discriminatedUnion('kind', [procgen, catchGame, recall, gymnasium]);

export const configSchema = z.strictObject({
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  algorithm: z.discriminatedUnion('kind', [impala, ppo]),
  train,
  environment: environmentSchema,
  model,
  checkpoint: z.strictObject({
    everyUpdates: positive.meta(doc('Written at the next border between unrolls.')),
    keep: positive,
  }),
  evaluation,
  hardware: z.strictObject({
    device: z.string().regex(/^(auto|cpu|cuda:\d+)$/, 'must be auto, cpu or cuda:N'),
    precision: z
      .enum(['float32', 'tf32', 'bfloat16'])
      .meta(
        doc(
          'Of convolutions and dense layers; states, losses and the optimizer are float32 always. tf32 is for GPUs.',
        ),
      ),
    threads: z.union([z.literal('auto'), positive.max(1024)]),
    lanes: z
      .enum(['auto', 'threads', 'turns'])
      .meta(
        doc(
          'How lanes that overlap run: each on a thread of its own (and a stream of a GPU), or in turns; auto = threads on a GPU. The bits are the same.',
        ),
      ),
  }),
});

/** The whole configuration of a run: `presets` make one, `resolveConfig` checks it. */
export type Config = z.infer<typeof configSchema>;
/** A training rule's part of the configuration: IMPALA's or PPO's, told apart by `kind`. */
export type AlgorithmConfig = Config['algorithm'];
export type ImpalaConfig = z.infer<typeof impala>;
export type PopArtConfig = z.infer<typeof popArt>;
export type PpoConfig = z.infer<typeof ppo>;
/** Unrolls, batches, optimizer, schedule and budget. */
export type TrainConfig = Config['train'];
/** The environment's part of the configuration, told apart by `kind`. */
export type EnvironmentConfig = Config['environment'];
/** The encoder, the core and how parameters start, as the configuration says. */
export type ModelConfig = Config['model'];
/** How a run is evaluated, and when. */
export type EvaluationConfig = Config['evaluation'];
