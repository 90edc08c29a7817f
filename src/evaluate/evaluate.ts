/** Evaluation of an agent on training and unseen levels, beside policies that never look. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { EnvFault, Episode } from '../../bridge/protocol/messages.ts';
import {
  normalizationOf,
  type EvaluationRecord,
  type LevelRow,
  type Normalization,
  type SplitResult,
} from '../metrics/index.ts';
import { Collector, randomKey, SET, type Agent, type OpenPool, type Play } from '../train/index.ts';
import { gameByGame, withPool, type Arena } from './arena.ts';
import { playBaselines } from './baselines.ts';
import { CHUNK, playEpisodes } from './episodes.ts';
import { playLedger } from './ledger.ts';
import { withStateReset } from './policies.ts';
import {
  playedRange,
  trainingLevels,
  wholeGames,
  type EvaluationPlan,
  type LevelRange,
  type PlannedSplit,
} from './protocols.ts';
import { gameResults, levelRows } from './results.ts';

export interface EvaluationOptions extends Arena {
  readonly agent: Agent;
  readonly plan: EvaluationPlan;
  /** Also the uniform random policy and, when the config asks for a search, the best blind one. */
  readonly baselines: boolean;
  readonly run: string;
  readonly update: number;
  /** Stops the evaluation between two requests. */
  readonly signal: AbortSignal;
}

/** Every split and way of playing, in turn. Uses its own pools, core states and random streams. */
export async function evaluate(options: EvaluationOptions): Promise<EvaluationRecord> {
  const { config, plan } = options;
  const agent = playedAgent(options);
  const faults: EnvFault[] = [];
  const rows =
    plan.protocol === 'ledger'
      ? await playLedgers({ ...options, agent }, faults)
      : await playSplits({ ...options, agent }, faults);
  const ranges = Object.fromEntries(
    passesOf(plan).map(({ name, split }) => [name, playedRange(plan, split)]),
  );
  const { environment, evaluation } = config;
  const mode = environment.kind === 'procgen' ? environment.distributionMode : null;
  const normalization = normalizationOf(mode, evaluation.normalization);
  const range = trainingLevels(environment);
  const baselines = options.baselines
    ? await playBaselines({
        ...options,
        numActions: agent.numActions,
        games: gamesOf(options),
        numEnvs: wholeGames(evaluation.numEnvs, gamesOf(options)),
        episodes: plan.episodes,
        split: { name: 'train', range },
        onFaults: (seen) => faults.push(...seen),
      })
    : { rows: {}, search: null };
  for (const name of Object.keys(baselines.rows)) ranges[name] = range;
  const record = recordOf(options, normalization, { ...rows, ...baselines.rows }, ranges, baselines.search);
  return { ...record, warnings: [...record.warnings, ...faults.map(inWords)] };
}

/** A fault costs its slot the running episode, which counts nowhere: whoever reads the returns must know. */
function inWords({ code, message }: EnvFault): string {
  return `${code} ${message}`;
}

function recordOf(
  { plan, run, update }: EvaluationOptions,
  normalization: Normalization | null,
  rows: Readonly<Record<string, readonly LevelRow[]>>,
  ranges: Readonly<Record<string, LevelRange | null>>,
  search: EvaluationRecord['blind_search'],
): EvaluationRecord {
  const splits = Object.entries(rows).map(([name, own]): SplitResult => ({
    name,
    games: gameResults(own, normalization),
    levels: ranges[name] ?? null,
  }));
  return {
    format: 1,
    run,
    update,
    protocol: plan.protocol,
    state: plan.state,
    num_envs: plan.numEnvs,
    normalization,
    splits,
    blind_search: search,
    warnings: plan.warnings,
    rows,
  };
}

/** The agent with the plan's handling of its core state. */
function playedAgent({ agent, plan, config }: EvaluationOptions): Agent {
  return plan.state === 'carry' ? agent : withStateReset(agent, config.train.unrollLength);
}

/** Every way of playing every split, by the name of its result. */
function passesOf({ splits, play }: EvaluationPlan) {
  return splits.flatMap((split) => play.map((way) => ({ name: `${split.name}/${way}`, split, play: way })));
}

type Rows = Record<string, readonly LevelRow[]>;

/**
 * Game by game, each in all slots: a game of long episodes would leave those of the others idle. Levels of all splits go
 * into one ledger: its end, where slots wait for the longest episode, comes once.
 */
async function playLedgers(options: EvaluationOptions, faults: EnvFault[]): Promise<Rows> {
  const { plan, config } = options;
  const { maxEpisodeSteps } = config.evaluation;
  const all = [...new Set(plan.splits.flatMap((split) => levelsOf(plan, split)))];
  const rows = new Map<string, LevelRow[]>(passesOf(plan).map(({ name }) => [name, []]));
  for (const { name, config: alone } of gameByGame(config)) {
    await withPool({ ...options, config: alone }, `ledger/${name}`, plan.numEnvs, null, async (pool) => {
      for (const play of plan.play) {
        const ledger = { ...options, pool, levels: all, play, seed: config.seed, maxEpisodeSteps };
        const result = await playLedger(ledger);
        faults.push(...result.faults);
        const played = new Map(levelRows(result.episodes).map((row) => [row.level, row]));
        for (const split of plan.splits) {
          const own = levelsOf(plan, split).map((level) => played.get(level) as LevelRow);
          rows.get(`${split.name}/${play}`)?.push(...own);
        }
      }
    });
  }
  return Object.fromEntries(rows);
}

/** In their order. */
function levelsOf(plan: EvaluationPlan, split: PlannedSplit): number[] {
  const { start, count } = playedRange(plan, split) as LevelRange;
  return Array.from({ length: count }, (_, index) => start + index);
}

async function playSplits(options: EvaluationOptions, faults: EnvFault[]): Promise<Rows> {
  const rows: Rows = {};
  for (const { name, split, play } of passesOf(options.plan)) {
    const played = await withPool(options, name, options.plan.numEnvs, split.range, (pool) =>
      playInSequence(options, pool, name, play, faults),
    );
    rows[name] = levelRows(played);
  }
  return rows;
}

/** Whole episodes of each slot, one after the other, on levels as the environment draws them. */
async function playInSequence(
  { session, config, agent, plan, signal, ...options }: EvaluationOptions,
  pool: OpenPool,
  name: string,
  play: Play,
  faults: EnvFault[],
): Promise<readonly Episode[]> {
  const collector = new Collector(session, {
    agent,
    set: SET,
    pool: pool.name,
    numEnvs: pool.numEnvs,
    unrollLength: CHUNK,
    play,
    owner: 'evaluate',
    keep: false,
  });
  await collector.prepare();
  await collector.reset();
  const games = gamesOf({ config, ...options });
  const quota = Math.ceil((plan.episodes * games) / pool.numEnvs);
  const { maxEpisodeSteps } = config.evaluation;
  const played = await playEpisodes(pool.numEnvs, quota, maxEpisodeSteps * quota, signal, (chunk) =>
    collector.collect(randomKey(config.seed, `evaluate/${name}`, chunk)),
  );
  await session.call('release', {
    handles: [...collector.stateHandles, ...Object.values(collector.initialHandles)],
  });
  faults.push(...played.faults);
  if (played.complete) return played.episodes;
  throw new SrwmError(
    'RUN_EVALUATION',
    `evaluate: every episode of ${name} must end within ${maxEpisodeSteps} steps, but some did not.`,
  );
}

function gamesOf({ config: { environment } }: Pick<Arena, 'config'>): number {
  return environment.kind === 'procgen' ? environment.games.length : 1;
}
