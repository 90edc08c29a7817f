/** The configuration of a loop that a script writes itself, from the settings that it names. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { quoted } from './fault.ts';
import { algorithms, encoders, environments, optimizers, paper } from './defaults.ts';
import {
  leavesOf,
  type Changes,
  type Kinds,
  type ModelChanges,
  type SectionChanges,
  type TrainChanges,
} from './overrides.ts';
import { resolveConfig } from './resolve.ts';
import type { AlgorithmConfig, Config, EnvironmentConfig } from './schema.ts';

/** Kinds that a loop starts from, by its algorithm. */
export interface LoopKinds<A extends AlgorithmConfig['kind']> extends Kinds {
  readonly algorithm: A;
  readonly optimizer: A extends 'impala' ? 'rmsprop' : 'adam';
  readonly schedule: 'linear';
  readonly core: 'srwm';
  readonly encoder: 'impala_resnet' | 'mlp';
}

/** What a loop may be told; everything but `env` has a default. */
export interface LoopSettings<A extends AlgorithmConfig['kind']> extends TrainChanges<LoopKinds<A>> {
  /** From `procgen({...})`, `catchGame({...})`, `recall({...})` or `gymnasium({...})`. */
  readonly env: EnvironmentConfig;
  readonly seed?: number;
  /** Settings of the training rule: discount, costs, clips. */
  readonly algorithm?: SectionChanges<AlgorithmConfig, A>;
  /** Of the parts of the network that are not your own. */
  readonly model?: ModelChanges<LoopKinds<A>>;
  readonly hardware?: Changes<Config['hardware']>;
}

const MOST_COLUMNS = 32;

/**
 * The paper's setting for IMPALA; Adam at 3e-4 with a norm of 0.5 for PPO. Games with images get the residual
 * network, others a dense one; an update takes the largest divisor of `numEnvs` that is at most 32.
 */
export function loopConfig<A extends AlgorithmConfig['kind']>(kind: A, settings: LoopSettings<A>): Config {
  const { env, seed, algorithm, model, hardware, ...train } = settings;
  requireEnvironment(env, kind);
  const { numEnvs } = env;
  const batchSize = [...Array(MOST_COLUMNS).keys()].findLast((i) => numEnvs % (i + 1) === 0) ?? 0;
  const rule = kind === 'impala' ? {} : { optimizer: optimizers.adam, learningRate: 3e-4, maxGradNorm: 0.5 };
  const base: Config = {
    ...paper,
    algorithm: algorithms[kind],
    train: { ...paper.train, batchSize: batchSize + 1, ...rule },
    environment: environments[env.kind],
    model: { ...paper.model, encoder: encoderFor(env.kind) },
  };
  const who = `${kind}({...})`;
  const given = { environment: env, seed, algorithm, model, hardware, train };
  const assignments = Object.entries(given).flatMap(([key, value]) => leavesOf(key, value, who));
  return resolveConfig(base, who, assignments).config;
}

function encoderFor(kind: EnvironmentConfig['kind']): Config['model']['encoder'] {
  if (kind === 'procgen') return encoders.impala_resnet;
  // Numbers of a Gymnasium environment are usually near 1, pixels are not.
  return kind === 'gymnasium' ? { ...encoders.mlp, scale: 1 } : encoders.mlp;
}

function requireEnvironment(env: unknown, kind: string): void {
  const known =
    typeof env === 'object' && env !== null && 'kind' in env && Object.hasOwn(environments, String(env.kind));
  if (known) return;
  throw new SrwmError(
    'CONFIG_INVALID',
    `${kind}({...}): "env" must be made by procgen({...}), catchGame({...}), recall({...}) or gymnasium({...}), got ${quoted(env)}.`,
    { remedy: "Write env: procgen({ games: ['bigfish'] })." },
  );
}
