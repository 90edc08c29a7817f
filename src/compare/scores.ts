/** From rows of evaluations to scores by game: what is averaged, resampled and tested. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import {
  normalizationOf,
  normalizedBy,
  type EvaluationRecord,
  type LevelRow,
  type Normalization,
  type ScoreSet,
} from '../metrics/index.ts';
import type { EvaluatedRun } from './evaluations.ts';
import type { RunGroup } from './groups.ts';

/** What a score is. */
export interface Measure {
  /** `normalized return`, or `return` where a game has no constants. */
  readonly name: 'normalized return' | 'return';
  readonly normalization: Normalization | null;
  readonly games: readonly string[];
}

/** The measure of runs of one environment. */
export function measureOf(runs: readonly EvaluatedRun[], set: ScoreSet): Measure {
  const [first] = runs as [EvaluatedRun];
  const { environment } = first.config;
  const mode = environment.kind === 'procgen' ? environment.distributionMode : null;
  const games = [
    ...new Set(Object.values(first.evaluation.rows).flatMap((rows) => rows.map(({ game }) => game))),
  ].sort();
  const normalization = normalizationOf(mode, set);
  const hasAll = games.every((game) => normalizedBy(normalization, 0, game) !== null);
  return hasAll
    ? { name: 'normalized return', normalization, games }
    : { name: 'return', normalization: null, games };
}

/**
 * Splits that every run has played, on the same levels if `paired`; unseen ones first.
 *
 * @throws SrwmError COMPARE_SPLITS where there is none.
 */
export function commonSplits(runs: readonly EvaluatedRun[], paired: boolean, only: Asked): string[] {
  const [first, ...others] = runs as [EvaluatedRun, ...EvaluatedRun[]];
  const names = Object.keys(first.evaluation.rows).filter((name) => !/\/(random|blind)$/.test(name));
  const wanted = names.filter((name) => isAsked(name, only));
  const common = wanted.filter((name) =>
    others.every(({ evaluation }) => isSame(first.evaluation, evaluation, name, paired)),
  );
  if (common.length > 0)
    return common.sort((a, b) => Number(a.startsWith('train')) - Number(b.startsWith('train')));
  const theirs = others.map(
    ({ folder, evaluation }) => `"${folder}": ${Object.keys(evaluation.rows).join(', ')}`,
  );
  throw new SrwmError(
    'COMPARE_SPLITS',
    `compare: the runs must have a split in common${shownAsked(only)}, got ` +
      [`"${first.folder}": ${names.join(', ')}`, ...theirs].join('; ') +
      (paired ? ', played on the same levels.' : '.'),
  );
}

/**
 * An interval over episodes needs two of each game.
 *
 * @throws SrwmError COMPARE_FEW_EPISODES
 */
export function requireEpisodes(
  runs: readonly EvaluatedRun[],
  splits: readonly string[],
  { games }: Measure,
): void {
  for (const { folder, evaluation } of runs)
    for (const split of splits)
      for (const game of games) {
        const count = (evaluation.rows[split] ?? []).filter((row) => row.game === game).length;
        if (count >= 2) continue;
        throw new SrwmError(
          'COMPARE_FEW_EPISODES',
          `compare: "${folder}" must have played at least 2 episodes of ${game} on ${split}, got ${count}.`,
        );
      }
}

interface Asked {
  readonly splits?: readonly string[];
  readonly play?: string;
}

function isAsked(name: string, { splits = [], play }: Asked): boolean {
  const [split = '', way] = name.split('/');
  return (splits.length === 0 || splits.includes(split)) && (play === undefined || play === way);
}

function shownAsked({ splits = [], play }: Asked): string {
  const asked = [...splits, ...(play === undefined ? [] : [play])];
  return asked.length === 0 ? '' : ` (${asked.join(', ')})`;
}

function isSame(one: EvaluationRecord, other: EvaluationRecord, name: string, paired: boolean): boolean {
  const [ours, theirs] = [one.rows[name], other.rows[name]];
  if (ours === undefined || theirs === undefined) return false;
  return !paired || keysOf(ours) === keysOf(theirs);
}

function keysOf(rows: readonly LevelRow[]): string {
  return rows
    .map(({ game, level }) => `${game}/${level}`)
    .sort()
    .join(' ');
}

/** Scores of a run's levels, game by game, in the order of levels. */
export function scoresByGame({ evaluation }: EvaluatedRun, split: string, measure: Measure): number[][] {
  return measure.games.map((game) =>
    (evaluation.rows[split] ?? [])
      .filter((row) => row.game === game)
      .sort((a, b) => a.level - b.level)
      .map(({ episode_return: value }) => normalizedBy(measure.normalization, value, game) ?? value),
  );
}

/** Game by game the mean over a group's runs of each level; or every episode, where levels are not the same ones. */
export function levelScores(
  { runs }: RunGroup,
  split: string,
  measure: Measure,
  paired: boolean,
): number[][] {
  const all = runs.map((run) => scoresByGame(run, split, measure));
  return measure.games.map((_, g) => {
    const [first, ...others] = all.map((games) => games[g] as number[]) as [number[], ...number[][]];
    if (!paired) return [first, ...others].flat();
    return first.map((value, i) => others.reduce((sum, one) => sum + (one[i] as number), value) / all.length);
  });
}

/** Each run's mean score, game by game. */
export function runScores({ runs }: RunGroup, split: string, measure: Measure): number[][] {
  const all = runs.map((run) => scoresByGame(run, split, measure).map(mean));
  return measure.games.map((_, g) => all.map((games) => games[g] as number));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
