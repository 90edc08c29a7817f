/** Ways of evaluating: which levels they play, how, and what they warn of. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { LAST_LEVEL, MOST_SLOTS, type Config, type EnvironmentConfig } from '../config/index.ts';
import type { Play } from '../train/index.ts';

/**
 * `ledger`: every level of a split once, from the state of a fresh slot. `paper`: as the released code tests, 200
 * consecutive greedy episodes of each game in one environment, levels drawn with replacement. `episodes`: whole episodes
 * in many slots at once, levels drawn with replacement; for environments without levels.
 */
export const PROTOCOLS = ['ledger', 'paper', 'episodes'] as const;
/** A way of evaluating: `ledger`, `paper` or `episodes`. */
export type Protocol = (typeof PROTOCOLS)[number];

/** `carry`: through an episode. `unroll`: from zero again after each `train.unrollLength` steps of an episode. */
export const STATES = ['carry', 'unroll'] as const;
/** How long the core state is kept during an evaluation: `carry` or `unroll`. */
export type StateHandling = (typeof STATES)[number];

/** Splits by name; a range `1000-1199` is a split as well. */
export const SPLITS = ['train', 'unseen', 'test-1', 'test-2', 'test-3'] as const;
/** Levels to evaluate on: `train`, `unseen`, `test-1` to `test-3`, or a range such as `1000-1199`, both ends included. */
export type Split = (typeof SPLITS)[number] | `${number}-${number}`;

/** Held-out levels of the released code's three test runs. */
const TESTS = { 'test-1': 1000, 'test-2': 1200, 'test-3': 1400 } as const;
const TEST_LEVELS = 200;

/** Levels `start`, `start + 1`, ...; a count of 0 is every level there is. */
export interface LevelRange {
  readonly start: number;
  readonly count: number;
}

/** What may be asked for; everything else is as the configuration says. */
export interface EvaluationRequest {
  readonly protocol?: Protocol | undefined;
  readonly splits?: readonly Split[] | undefined;
  /** Of each game and split; with the ledger its first levels. */
  readonly episodes?: number | undefined;
  readonly play?: readonly Play[] | undefined;
  readonly state?: StateHandling | undefined;
  /** Slots at once. */
  readonly numEnvs?: number | undefined;
}

export interface PlannedSplit {
  readonly name: Split;
  /** null where the environment has no levels. */
  readonly range: LevelRange | null;
}

/** An evaluation whose every part is known and fits the run. */
export interface EvaluationPlan {
  readonly protocol: Protocol;
  readonly splits: readonly PlannedSplit[];
  readonly episodes: number;
  /** Whether a number of episodes was asked for: a ledger plays whole splits otherwise. */
  readonly isCapped: boolean;
  readonly play: readonly Play[];
  readonly state: StateHandling;
  readonly numEnvs: number;
  readonly warnings: readonly string[];
}

/** @throws SrwmError EVALUATE_PLAN when the run's environment or core does not offer what is asked for. */
export function planEvaluation(config: Config, request: EvaluationRequest): EvaluationPlan {
  const { environment, evaluation } = config;
  requireSlots(request.numEnvs);
  const protocol = protocolOf(config, request.protocol);
  const names = request.splits ?? splitsOf(protocol, environment);
  const splits = names.map((name) => ({ name, range: rangeOf(name, config) }));
  const games = environment.kind === 'procgen' ? environment.games.length : 1;
  const wanted = protocol === 'paper' ? games : (request.numEnvs ?? evaluation.numEnvs);
  // A ledger plays game by game; otherwise all games play at once, each in as many slots.
  const numEnvs = protocol === 'ledger' ? wanted : wholeGames(wanted, games);
  const extent = {
    protocol,
    episodes: request.episodes ?? evaluation.episodes,
    isCapped: request.episodes !== undefined,
  };
  return {
    ...extent,
    splits,
    play: request.play ?? (protocol === 'paper' ? ['greedy'] : evaluation.play),
    state: request.state ?? evaluation.state,
    numEnvs,
    warnings: [
      ...splits.flatMap((split) => overlap(split.name, playedRange(extent, split), environment)),
      ...(protocol === 'ledger' && isOrderFelt(config) ? [ORDER_IS_FELT] : []),
    ],
  };
}

/** A ledger plays the whole split, or its first levels where it has no end or fewer were asked for. */
export function playedRange(
  { protocol, episodes, isCapped }: Pick<EvaluationPlan, 'protocol' | 'episodes' | 'isCapped'>,
  { range }: PlannedSplit,
): LevelRange | null {
  if (protocol !== 'ledger' || range === null) return range;
  const { start, count } = range;
  return {
    start,
    count: count === 0 || isCapped ? Math.min(episodes, count === 0 ? episodes : count) : count,
  };
}

const ORDER_IS_FELT =
  'model.core.carry is run: what a slot remembers of other levels goes into each, so that returns depend on the order of levels and on the number of slots';

/** A core whose state no episode's end resets. */
function isOrderFelt({ model: { core } }: Config): boolean {
  return 'carry' in core && core.carry === 'run';
}

function requireSlots(asked: number | undefined): void {
  if (asked === undefined || (Number.isInteger(asked) && asked >= 1 && asked <= MOST_SLOTS)) return;
  throw new SrwmError(
    'EVALUATE_PLAN',
    `evaluate: slots that play at once must be a whole number from 1 to ${MOST_SLOTS}, got ${asked}.`,
  );
}

/** As many slots as are wanted, each game having as many: at least one. */
export function wholeGames(wanted: number, games: number): number {
  return Math.max(games, Math.floor(wanted / games) * games);
}

/** The levels that a run trains on; null where its environment has none that could be chosen. */
export function trainingLevels(environment: EnvironmentConfig): LevelRange | null {
  switch (environment.kind) {
    case 'procgen': {
      // Exploration mode has one fixed level a game, which is ProcGen's to know.
      if (environment.distributionMode === 'exploration') return null;
      return { start: environment.startLevel, count: environment.numLevels };
    }
    case 'gymnasium': {
      if (environment.numLevels === null) return null;
      return { start: environment.startLevel, count: environment.numLevels };
    }
    default:
      return null;
  }
}

/** Whether levels can be chosen. */
export function hasLevels(environment: EnvironmentConfig): boolean {
  return trainingLevels(environment) !== null;
}

function protocolOf({ environment, evaluation }: Config, asked: Protocol | undefined): Protocol {
  if (asked === undefined) return hasLevels(environment) ? evaluation.protocol : 'episodes';
  if (asked !== 'episodes' && !hasLevels(environment)) {
    throw new SrwmError(
      'EVALUATE_PLAN',
      `evaluate: protocol ${asked} needs an environment whose levels can be chosen, got ${nameOf(environment)}.`,
      { remedy: 'Use the protocol "episodes".' },
    );
  }
  return asked;
}

function splitsOf(protocol: Protocol, environment: EnvironmentConfig): readonly Split[] {
  if (!hasLevels(environment)) return ['train'];
  return protocol === 'paper' ? ['train', 'test-1', 'test-2', 'test-3'] : ['train', 'unseen'];
}

function rangeOf(name: Split, { environment, evaluation }: Config): LevelRange | null {
  const trained = trainingLevels(environment);
  if (trained === null) {
    if (name === 'train') return null;
    throw new SrwmError(
      'EVALUATE_PLAN',
      `evaluate: split ${name} needs an environment whose levels can be chosen, got ${nameOf(environment)}.`,
      { remedy: 'Evaluate the split "train".' },
    );
  }
  switch (name) {
    case 'train':
      return trained;
    case 'unseen':
      return { start: evaluation.unseenStartLevel, count: evaluation.unseenNumLevels };
    case 'test-1':
    case 'test-2':
    case 'test-3':
      return { start: TESTS[name], count: TEST_LEVELS };
    default:
      return rangeNamed(name);
  }
}

/** `1000-1199`, both included. */
function rangeNamed(name: string): LevelRange {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(name) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (first !== undefined && start <= end && end <= LAST_LEVEL) return { start, count: end - start + 1 };
  throw new SrwmError(
    'EVALUATE_PLAN',
    `evaluate: a split must be one of ${SPLITS.join(', ')}, or a range of levels like 1000-1199 up to ${LAST_LEVEL}, got "${name}".`,
  );
}

function nameOf(environment: EnvironmentConfig): string {
  if (environment.kind === 'procgen') return 'exploration mode, whose level is fixed';
  return environment.kind === 'gymnasium' ? 'gymnasium without environment.numLevels' : environment.kind;
}

/** A sentence where a split that is no training split holds levels that were trained on. */
function overlap(name: Split, range: LevelRange | null, environment: EnvironmentConfig): string[] {
  const trained = trainingLevels(environment);
  if (name === 'train' || range === null || trained === null) return [];
  const endOf = ({ start, count }: LevelRange): number => (count === 0 ? LAST_LEVEL + 1 : start + count);
  const first = Math.max(range.start, trained.start);
  const shared = Math.min(endOf(range), endOf(trained)) - first;
  if (shared <= 0 || range.count === 0) return [];
  return [
    `split ${name} is not unseen: ${shared} of its ${range.count} levels (${first} to ${first + shared - 1}) are among those that the run trained on`,
  ];
}
