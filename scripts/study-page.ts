/** What a page of docs/results shows of its study: tables between markers, and two pictures a game. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { CompareReport } from '../src/compare/index.ts';
import { estimate, type Estimate } from '../src/metrics/index.ts';
import type { SweepReport, SweepRow } from '../src/sweeps/index.ts';
import type { RunEvent } from '../src/train/index.ts';
import type { Curve } from './curves.ts';
import { drawGroupCurves } from './group-curves.ts';
import { drawIntervals } from './intervals.ts';
import { table, withParts } from './markers.ts';

/** The returns of a group's seeds in one game of one split, each seed's a mean over levels. */
interface SeedReturns extends Estimate {
  readonly split: string;
  readonly game: string;
  readonly values: readonly number[];
}

interface StudyGroup {
  readonly name: string;
  readonly parameters: number;
  readonly seeds: readonly number[];
  readonly returns: readonly SeedReturns[];
  /** By game: mean over seeds of the return of the last 200 training episodes. */
  readonly curves: Readonly<Record<string, Curve>>;
}

export interface StudyResults {
  readonly machine: string;
  readonly runs: number;
  readonly env_steps: number;
  /** Of all runs together, each by itself; other work on the machine counts. */
  readonly train_seconds: number;
  readonly games: readonly string[];
  /** Mean return of the uniform random policy by game. */
  readonly random: Readonly<Record<string, number>>;
  readonly groups: readonly StudyGroup[];
  readonly comparison: Pick<CompareReport, 'measure' | 'normalization' | 'pairs' | 'gaps' | 'notes'> & {
    readonly rows: readonly Pick<CompareReport['rows'][number], 'name' | 'split' | 'mean' | 'iqm'>[];
  };
}

/** What pictures and the table of differences show; the table of returns shows all. */
const SHOWN = 'unseen/sampled';
const SPLITS = ['unseen/sampled', 'unseen/greedy', 'train/sampled', 'train/greedy'] as const;
const POINTS = 80;

/** @throws Error for a run that has failed or has no evaluation. */
export function resultsOf(sweep: SweepReport, report: CompareReport, machine: string): StudyResults {
  const { runs } = sweep;
  for (const { name, splits, error } of runs)
    if (splits.length === 0)
      throw new Error(`${name} has no evaluation: ${error?.message ?? 'not finished'}`);
  const games = runs[0]?.splits[0]?.games.map(({ game }) => game) ?? [];
  return {
    machine,
    runs: runs.length,
    env_steps: Math.max(...runs.map((run) => run.env_steps)),
    train_seconds: Math.round(runs.reduce((sum, { seconds }) => sum + seconds, 0)),
    games,
    random: Object.fromEntries(
      games.map((game) => [game, estimate(runs.map((run) => returnOf(run, 'train/random', game))).mean]),
    ),
    groups: sweep.groups.map(({ name }) =>
      groupOf(
        name,
        runs.filter(({ group }) => group === name),
        games,
      ),
    ),
    comparison: {
      measure: report.measure,
      normalization: report.normalization,
      rows: report.rows.map(({ name, split, mean, iqm }) => ({ name, split, mean, iqm })),
      pairs: report.pairs,
      gaps: report.gaps,
      notes: report.notes,
    },
  };
}

function groupOf(name: string, runs: readonly SweepRow[], games: readonly string[]): StudyGroup {
  const events = runs.map(({ run }) => eventsOf(run));
  const [start] = events.flatMap((all) => all.filter((event) => event.type === 'run_start'));
  return {
    name,
    parameters: start?.parameters ?? 0,
    seeds: runs.map(({ seed }) => seed),
    returns: SPLITS.flatMap((split) =>
      games.map((game) => {
        const values = runs.map((run) => returnOf(run, split, game));
        return { split, game, values, ...estimate(values) };
      }),
    ),
    curves: Object.fromEntries(games.map((game) => [game, meanCurve(events, game)])),
  };
}

function returnOf({ name, splits }: SweepRow, split: string, game: string): number {
  const found = splits.find((one) => one.name === split)?.games.find((one) => one.game === game);
  if (found === undefined) throw new Error(`${name} has no evaluation "${split}" of ${game}`);
  return found.mean_return;
}

function eventsOf(run: string): RunEvent[] {
  const lines = readFileSync(path.join(run, 'metrics.jsonl'), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RunEvent);
}

/** Seeds of one setting have their updates at the same env steps. */
function meanCurve(runs: readonly RunEvent[][], game: string): Curve {
  const curves = runs.map((events) =>
    events.flatMap((event): Curve => {
      const found = event.type === 'update' ? event.episode_returns[game] : undefined;
      return event.type === 'update' && found ? [[event.env_steps, found.mean]] : [];
    }),
  );
  const bySteps = new Map<number, number[]>();
  for (const [steps, value] of curves.flatMap((curve) => [...new Map(curve)]))
    bySteps.set(steps, [...(bySteps.get(steps) ?? []), value]);
  const whole = [...bySteps].filter(([, values]) => values.length === runs.length);
  const every = Math.max(1, Math.floor(whole.length / POINTS));
  return whole
    .filter((_, i) => i % every === 0 || i === whole.length - 1)
    .map(([steps, values]) => [steps, Number(estimate(values).mean.toFixed(3))]);
}

/** A picture of returns on unseen levels and one of learning curves for each game, by the file's name. */
export function pictures(study: string, { groups, games, random }: StudyResults): Record<string, string> {
  return Object.fromEntries(
    games.flatMap((game) => {
      const rows = groups.map(({ name, returns }) => {
        const own = returns.find((one) => one.split === SHOWN && one.game === game) as SeedReturns;
        return { label: name, values: own.values, mean: own.mean, ci95: own.ci95 };
      });
      const mark = { label: 'random policy', value: random[game] ?? 0 };
      return [
        [
          `${study}-${game}.svg`,
          drawIntervals(
            `${game}, 200 unseen levels, sampled: every seed, mean and 95 % interval`,
            rows,
            mark,
            'return',
            ticksOf([...rows.flatMap(({ values, ci95 }) => [...values, ...ci95]), mark.value]),
          ),
        ],
        [
          `${study}-${game}-curves.svg`,
          drawGroupCurves(
            `${game}: return of the last 200 training episodes, mean over seeds`,
            groups.map(({ name, curves }) => ({ label: name, curve: curves[game] ?? [] })),
            games.length === 1 ? 'env steps' : 'env steps, all games together',
          ),
        ],
      ];
    }),
  );
}

/** Whole numbers around the values, at most a dozen. */
function ticksOf(values: readonly number[]): number[] {
  const [low, high] = [Math.floor(Math.min(...values)), Math.ceil(Math.max(...values))];
  const step = Math.ceil((high - low) / 12);
  return Array.from({ length: Math.ceil((high - low) / step) + 1 }, (_, i) => low + i * step);
}

/** The page with the tables of the results between its markers; everything else stays. */
export function withTables(page: string, results: StudyResults): string {
  return withParts(page, 'scripts/study.ts', {
    returns: returnsTable(results),
    scores: scoresTable(results),
    differences: differences(results),
  });
}

const number = (value: number) => value.toFixed(2);
const interval = ({ mean, ci95 }: Estimate) => `**${number(mean)}** [${ci95.map(number).join(', ')}]`;

function returnsTable({ groups, games }: StudyResults): string {
  const columns = games.flatMap((game) => SPLITS.map((split) => ({ game, split })));
  const header = ['', 'parameters', ...columns.map(({ game, split }) => `${game} ${split}`)];
  const rows = groups.map(({ name, parameters, returns }) => [
    name,
    parameters.toLocaleString('en'),
    ...columns.map(({ game, split }) =>
      interval(returns.find((one) => one.split === split && one.game === game) as SeedReturns),
    ),
  ]);
  return table(header, rows);
}

function scoresTable({ groups, comparison }: StudyResults): string {
  const cell = ({ value, ci95 }: { value: number; ci95: readonly number[] }) =>
    `${value.toFixed(3)} [${ci95.map((bound) => bound.toFixed(3)).join(', ')}]`;
  const rows = groups.map(({ name }) => {
    const row = comparison.rows.find((one) => one.name === name && one.split === SHOWN);
    const gap = comparison.gaps.find((one) => one.name === name && one.play === 'sampled');
    if (row === undefined || gap === undefined) throw new Error(`${name} stands in no comparison`);
    return [name, cell(row.mean), cell(row.iqm), cell(gap.gap)];
  });
  return table(['', 'mean score', 'IQM', 'generalisation gap'], rows);
}

function differences({ comparison }: StudyResults): string {
  return comparison.pairs
    .filter(({ split }) => split === SHOWN)
    .map(({ words }) => `- ${words}`)
    .join('\n');
}
