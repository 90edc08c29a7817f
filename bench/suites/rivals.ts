/** `rivals/*`: env steps a second of whole training loops, ours and other people's, on real ProcGen. */
import { z } from 'zod';
import type { Config } from '../../src/config/index.ts';
import { poolSpec } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { Driver } from '../driver.ts';
import { easyConfig, networkSizes, type Core } from '../program.ts';
import { CannotMeasure, comparisonRow, type Row } from '../row.ts';
import { takePairs } from '../statistics.ts';
import { TrainingRun } from '../training-run.ts';

export interface RivalCase {
  /** Of the row. */
  readonly name: string;
  /** A module of `bench/rivals`. */
  readonly rival: string;
  readonly goal: number;
  readonly what: string;
  readonly core: Core;
  /** Of `procgen-easy`, beside those that make it short. */
  readonly assignments: readonly string[];
}

const PUBLISHED = 1.25;
const TUNED = 1;
const WARM_UP = 2;
/** So that a row takes a minute or two; `--full` measures the preset's own 96 slots and 50 steps. */
const SHORT = ['environment.numEnvs=32', 'train.unrollLength=20'];
const PPO = [
  'algorithm.kind=ppo',
  'algorithm.passes=3',
  'train.optimizer.kind=adam',
  'train.learningRate=0.0005',
  'train.maxGradNorm=0.5',
];
const ONE_GAME = [...PPO, 'environment.games=starpilot'];
const SHORT_PPO = ['environment.numEnvs=32', 'train.unrollLength=16', 'train.batchSize=8'];
const FULL_PPO = ['environment.numEnvs=64', 'train.unrollLength=64', 'train.batchSize=8'];

export const rivalCases: readonly RivalCase[] = [
  {
    name: 'rivals/cleanrl',
    rival: 'cleanrl',
    goal: PUBLISHED,
    what: "PPO, feed-forward, against CleanRL's ppo_procgen.py as published (bench/rivals/cleanrl.py)",
    core: 'feed_forward',
    assignments: PPO,
  },
  {
    name: 'rivals/cleanrl_tuned',
    rival: 'cleanrl_tuned',
    goal: TUNED,
    what: 'PPO, feed-forward, against the same loop tuned for this machine (bench/rivals/cleanrl_tuned.py)',
    core: 'feed_forward',
    assignments: PPO,
  },
  {
    name: 'rivals/ppo',
    rival: 'cleanrl',
    goal: PUBLISHED,
    what: "PPO on StarPilot alone, feed-forward, against CleanRL's ppo_procgen.py as published (bench/rivals/cleanrl.py)",
    core: 'feed_forward',
    assignments: ONE_GAME,
  },
  {
    name: 'rivals/ppo_tuned',
    rival: 'cleanrl_tuned',
    goal: TUNED,
    what: 'the same against the loop tuned for this machine (bench/rivals/cleanrl_tuned.py)',
    core: 'feed_forward',
    assignments: ONE_GAME,
  },
  {
    name: 'rivals/torchbeast',
    rival: 'torchbeast',
    goal: PUBLISHED,
    what: "IMPALA, feed-forward, against TorchBeast's MonoBeast as published (bench/rivals/torchbeast.py)",
    core: 'feed_forward',
    assignments: [],
  },
  {
    name: 'rivals/torchbeast_tuned',
    rival: 'torchbeast_tuned',
    goal: TUNED,
    what: 'IMPALA, feed-forward, against batched acting and learning tuned for this machine (bench/rivals/torchbeast_tuned.py)',
    core: 'feed_forward',
    assignments: [],
  },
];

export async function rivalRow(bench: Bench, one: RivalCase): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const isPpo = one.assignments.includes('algorithm.kind=ppo');
  const sizes = bench.full ? (isPpo ? FULL_PPO : []) : isPpo ? SHORT_PPO : SHORT;
  const threads = `hardware.threads=${bench.threads}`;
  const resolved = easyConfig(one.core, [...one.assignments, ...sizes, threads, ...bench.assignments]);
  const { config } = resolved;
  const { train, environment } = config;
  if (environment.numEnvs % train.batchSize !== 0)
    throw new CannotMeasure(
      'the rivals leave no columns over: environment.numEnvs must be a multiple of train.batchSize',
    );
  await using run = await TrainingRun.start(bench, resolved);
  await using driver = Driver.start('rival_loop', bench);
  const opened = z.object({ parameters: z.number(), threads: z.number() });
  const { parameters } = await driver.call(opened, 'open', {
    rival: one.rival,
    setting: settingOf(config, bench),
  });
  // MonoBeast counts batches, the others whole unrolls.
  const updates = one.rival === 'torchbeast' ? environment.numEnvs / train.batchSize : 1;
  const envSteps = environment.numEnvs * train.unrollLength;
  const sides = {
    ours: async () => envSteps / (await run.unrollSeconds()),
    rival: () => driver.call(z.number(), 'run', { updates }),
  };
  const take = async (oursFirst: boolean) => {
    const pair = { ours: 0, rival: 0 };
    for (const side of oursFirst ? (['ours', 'rival'] as const) : (['rival', 'ours'] as const))
      pair[side] = await sides[side]();
    return pair;
  };
  try {
    await takePairs(WARM_UP, take);
    const pairs = await takePairs(bench.pairs, take);
    return comparisonRow(
      {
        name: one.name,
        unit: 'env steps/s',
        better: 'higher',
        goal: one.goal,
        detail: {
          what: one.what,
          num_envs: environment.numEnvs,
          unroll_length: train.unrollLength,
          batch_size: train.batchSize,
          passes: config.algorithm.kind === 'ppo' ? config.algorithm.passes : 1,
          threads: bench.threads,
          rival_parameters: parameters,
          shares: run.shares(),
        },
      },
      pairs,
    );
  } finally {
    await driver.call(z.null(), 'close');
  }
}

/** What `bench/rivals/loop.py` names. */
function settingOf({ algorithm, train, environment, model }: Config, bench: Bench) {
  const { optimizer } = train;
  return {
    spec: poolSpec(environment, 3, bench.places),
    threads: bench.threads,
    num_envs: environment.numEnvs,
    unroll_length: train.unrollLength,
    batch_size: train.batchSize,
    learning_rate: train.learningRate,
    max_grad_norm: train.maxGradNorm,
    discount: algorithm.discount,
    baseline_cost: algorithm.baselineCost,
    entropy_cost: algorithm.entropyCost,
    sizes: networkSizes(model),
    ...(algorithm.kind === 'ppo'
      ? { lambda_: algorithm.lambda, clip: algorithm.clip, passes: algorithm.passes }
      : {}),
    ...(optimizer.kind === 'adam'
      ? { adam_epsilon: optimizer.epsilon }
      : { alpha: optimizer.alpha, epsilon: optimizer.epsilon }),
  };
}
