/** What is recorded to video: which levels, played how, drawn how; checked before anything starts. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { LAST_LEVEL, MOST_SLOTS, type Config } from '../config/index.ts';
import type { Play } from '../train/index.ts';
import { trainingLevels, wholeGames, type LevelRange, type StateHandling } from './protocols.ts';

/** What a recording may be told; everything else is as the run says. */
export interface RecordingRequest {
  /** Default: all games of the run. */
  readonly games?: readonly string[] | undefined;
  /** One episode each; default: the first three that the run trained on. Only where levels can be chosen. */
  readonly levels?: readonly number[] | undefined;
  /** Where levels cannot be chosen: so many episodes; default 3. */
  readonly episodes?: number | undefined;
  /** Default: the first of `evaluation.play`. */
  readonly play?: readonly Play[] | undefined;
  readonly state?: StateHandling | undefined;
  /** Slots that play at once, which batch shape decides last digits; default: `evaluation.numEnvs`, as a ledger. */
  readonly numEnvs?: number | undefined;
  /** Each pixel becomes a square of this side; default 4. */
  readonly scale?: number | undefined;
  /** Frames a second; default 15, ProcGen's own rate of play. */
  readonly fps?: number | undefined;
}

export interface RecordingPlan {
  /** Null where the environment has no games to choose from. */
  readonly games: readonly string[] | null;
  readonly levels: readonly number[] | null;
  readonly episodes: number;
  readonly play: readonly Play[];
  readonly state: StateHandling;
  readonly numEnvs: number;
  readonly scale: number;
  readonly frameMilliseconds: number;
}

const USUAL = 3;
const MAX_SCALE = 16;
const MAX_FPS = 1000;
/** Nobody watches more; each has a slot of its own. */
const MAX_EPISODES = 1000;

/** @throws SrwmError RECORD_PLAN when the run's environment does not offer what is asked for. */
export function planRecording(config: Config, request: RecordingRequest): RecordingPlan {
  const { environment, evaluation } = config;
  const { scale = 4, fps = 15 } = request;
  requireWhole('scale', scale, 1, MAX_SCALE);
  requireWhole('fps', fps, 1, MAX_FPS);
  const numEnvs = request.numEnvs ?? evaluation.numEnvs;
  requireWhole('envs', numEnvs, 1, MOST_SLOTS);
  const shared = {
    play: request.play ?? evaluation.play.slice(0, 1),
    state: request.state ?? evaluation.state,
    scale,
    frameMilliseconds: Math.max(1, Math.round(1000 / fps)),
  };
  const trained = trainingLevels(environment);
  const what = environment.kind === 'procgen' ? 'exploration mode' : environment.kind;
  if (environment.kind !== 'procgen') refuseThere('games', request.games, what, 'Leave it out.');
  if (trained === null) {
    refuseThere('levels', request.levels, what, 'Give a number of episodes instead.');
    const episodes = request.episodes ?? USUAL;
    requireWhole('episodes', episodes, 1, MAX_EPISODES);
    const games = environment.kind === 'procgen' ? environment.games.length : 1;
    return {
      ...shared,
      games: null,
      levels: null,
      episodes,
      numEnvs: wholeGames(Math.max(numEnvs, episodes), games),
    };
  }
  refuseThere('episodes', request.episodes, 'levels that can be chosen', 'Give levels instead.');
  const games = environment.kind === 'procgen' ? gamesOf(environment.games, request.games) : null;
  const levels = request.levels ?? firstLevels(trained);
  if (levels.length === 0) throw refused('levels must be at least one, got none.');
  for (const level of levels) requireWhole('a level', level, 0, LAST_LEVEL);
  const twice = levels.find((level, index) => levels.indexOf(level) !== index);
  if (twice !== undefined) throw refused(`levels must be different ones, got ${twice} twice.`);
  return { ...shared, games, levels, episodes: levels.length, numEnvs };
}

function gamesOf(trained: readonly string[], asked: readonly string[] | undefined): readonly string[] {
  const all = [...new Set(trained)];
  const unknown = asked?.find((game) => !all.includes(game));
  if (unknown !== undefined)
    throw refused(`games must be of the run's own, ${all.join(', ')}, got "${unknown}".`);
  return asked ?? all;
}

function firstLevels({ start, count }: LevelRange): number[] {
  const first = count === 0 ? USUAL : Math.min(USUAL, count);
  return Array.from({ length: first }, (_, index) => start + index);
}

function requireWhole(what: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw refused(`${what} must be a whole number from ${low} to ${high}, got ${value}.`);
}

function refuseThere(what: string, value: unknown, environment: string, remedy: string): void {
  if (value === undefined) return;
  throw refused(`${what} cannot be chosen here: the run's environment has ${environment}.`, remedy);
}

function refused(message: string, remedy?: string): SrwmError {
  return new SrwmError('RECORD_PLAN', `record: ${message}`, remedy === undefined ? {} : { remedy });
}
