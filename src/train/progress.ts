/** The counters of a run and the events made from them. */
import type { Config } from '../config/index.ts';
import { RecentReturns, ReturnsByGame, Stopwatch } from '../metrics/index.ts';
import type { Counters } from './checkpoints.ts';
import type { CurriculumRunner } from './curriculum-runner.ts';
import type { RunEnd, RunEvent, Update } from './events.ts';
import { SET, type Parts } from './parts.ts';
import type { Session } from './session.ts';

/** Episodes that a mean return is taken over. */
const RETURN_WINDOW = 200;
const FRESH: Counters = {
  updates: 0,
  unrolls: 0,
  envSteps: 0,
  seconds: 0,
  recentReturns: [],
  returnsByGame: {},
};

/** The counters of a run and the events made from them. */
export class Progress {
  updates: number;
  unrolls: number;
  envSteps: number;
  /** Updates before the newest evaluation of this run while it trains. */
  evaluated: number;
  curriculum: CurriculumRunner | null = null;
  readonly watch = new Stopwatch();
  readonly #config: Config;
  readonly #parts: Parts;
  readonly #session: Session;
  readonly #secondsBefore: number;
  readonly #envStepsAtStart: number;
  #bridgeAtStart: number;
  readonly #returns: RecentReturns;
  readonly #returnsByGame: ReturnsByGame;
  readonly #games: readonly string[];
  readonly #distributionMode: string | null;

  constructor(config: Config, parts: Parts, former: Counters | null, session: Session) {
    // A checkpoint of an earlier version may lack a counter.
    const from = { ...FRESH, ...former };
    this.#config = config;
    this.#parts = parts;
    this.#session = session;
    this.updates = from.updates;
    this.unrolls = from.unrolls;
    this.envSteps = from.envSteps;
    this.evaluated = from.evaluated ?? 0;
    this.#envStepsAtStart = from.envSteps;
    this.#bridgeAtStart = session.worker.statistics.bridgeSeconds;
    this.#secondsBefore = from.seconds;
    this.#returns = new RecentReturns(RETURN_WINDOW, from.recentReturns);
    this.#returnsByGame = new ReturnsByGame(RETURN_WINDOW, from.returnsByGame);
    this.#games = [...new Set(parts.pool.games)];
    this.#distributionMode =
      config.environment.kind === 'procgen' ? config.environment.distributionMode : null;
    parts.learner.version = from.updates;
    parts.algorithm.leftOver = from.leftOver ?? [];
  }

  get seconds(): number {
    return this.#secondsBefore + this.watch.seconds;
  }

  get counters(): Counters {
    const { updates, unrolls, envSteps, evaluated, seconds } = this;
    return {
      updates,
      unrolls,
      envSteps,
      ...(this.#config.evaluation.everyUpdates !== null && { evaluated }),
      seconds,
      recentReturns: this.#returns.values,
      returnsByGame: this.#returnsByGame.values,
      ...(this.#parts.algorithm.leftOver.length > 0 && { leftOver: this.#parts.algorithm.leftOver }),
      ...(this.curriculum && { curriculum: this.curriculum.kept }),
    };
  }

  collected(
    unroll: {
      readonly episodes: readonly { readonly game: string; readonly episode_return: number }[];
      readonly act_seconds: number;
      readonly env_seconds: number;
    },
    envSteps: number,
  ): void {
    this.envSteps += envSteps;
    this.watch.add('act', unroll.act_seconds);
    this.watch.add('env', unroll.env_seconds);
    for (const { game, episode_return: episodeReturn } of unroll.episodes) {
      this.#returns.add(episodeReturn);
      this.#returnsByGame.add(game, episodeReturn);
    }
  }

  /** Work that is no training: the time that it takes stands in no figure of the run. */
  async aside<R>(work: () => Promise<R>): Promise<R> {
    const { statistics } = this.#session.worker;
    const [seconds, bridge] = [this.watch.seconds, statistics.bridgeSeconds];
    try {
      return await work();
    } finally {
      this.watch.skip(this.watch.seconds - seconds);
      this.#bridgeAtStart += this.#session.worker.statistics.bridgeSeconds - bridge;
    }
  }

  startEvent(run: string, device: string): RunEvent {
    return {
      type: 'run_start',
      run,
      seed: this.#config.seed,
      device,
      parameters: this.#parts.parameterCount,
      updates: this.updates,
      env_steps: this.envSteps,
      total_env_steps: this.#config.train.totalEnvSteps,
      kernels: this.#session.kernels,
    };
  }

  updateEvent(update: {
    readonly losses: Readonly<Record<string, number>>;
    readonly gradNorm: number;
    readonly learningRate: number;
    readonly policyLag: number;
  }): Update {
    return {
      type: 'update',
      index: this.updates++,
      env_steps: this.envSteps,
      seconds: this.seconds,
      losses: update.losses,
      grad_norm: update.gradNorm,
      learning_rate: update.learningRate,
      policy_lag: update.policyLag,
      env_steps_per_second: (this.envSteps - this.#envStepsAtStart) / this.watch.seconds,
      episode_return: this.#returns.estimate,
      episode_returns: this.#returnsByGame.estimates,
      normalized_return: this.#returnsByGame.normalized(this.#games, this.#distributionMode),
      shares: this.watch.shares(this.#session.worker.statistics.bridgeSeconds - this.#bridgeAtStart),
    };
  }

  async endEvent(run: string): Promise<RunEnd> {
    return {
      type: 'run_end',
      run,
      updates: this.updates,
      env_steps: this.envSteps,
      seconds: this.seconds,
      parameters_sha256: (await this.#session.call('digest', { set: SET })).sha256,
      finished: this.envSteps >= this.#config.train.totalEnvSteps,
    };
  }
}
