/** What docs/results/memory.md shows of docs/results/memory.json: tables between markers, and two pictures. */
import { estimate } from '../src/metrics/index.ts';
import type { SweepReport } from '../src/sweeps/index.ts';
import { drawIntervals, type IntervalRow } from './intervals.ts';
import { table, withParts } from './markers.ts';

/** Share of cues that each seed named at the end, greedily, over the episodes of its evaluation. */
export interface MemoryRow extends IntervalRow {
  readonly seeds: readonly number[];
}

export interface MemoryResults {
  readonly machine: string;
  /** Of all runs together, each by itself on one thread; other work on the machine counts. */
  readonly train_seconds: number;
  readonly chance: number;
  readonly cores: readonly MemoryRow[];
  readonly gradients: readonly MemoryRow[];
}

const MEASURED = 'train/greedy';

/** Which runs of studies/memory.ts stand in which part, in this order. */
const PARTS = {
  cores: ['srwm', 'delta_net', 'lstm', 'srwm-no-carry', 'fake_sr', 'feed_forward'],
  gradients: ['srwm', 'step-6', 'step-1'],
} as const;

/** @throws Error for a run that has failed or has no evaluation. */
export function resultsOf({ runs }: SweepReport, machine: string): MemoryResults {
  const rowOf = (name: string, label: string): MemoryRow => {
    const own = runs.filter(({ group }) => group === name);
    const shares = own.map(({ splits, run, error }) => {
      const game = splits.find((split) => split.name === MEASURED)?.games[0];
      if (game === undefined)
        throw new Error(`${run} has no evaluation "${MEASURED}": ${error?.message ?? 'not finished'}`);
      return game.mean_return;
    });
    const { mean, ci95 } = estimate(shares);
    return { label, seeds: own.map(({ seed }) => seed), values: shares, mean, ci95 };
  };
  return {
    machine,
    train_seconds: Math.round(runs.reduce((sum, { seconds }) => sum + seconds, 0)),
    chance: 0.25,
    cores: PARTS.cores.map((name) => rowOf(name, name)),
    // The srwm of the first part is the one with gradients through the unroll and a delay of 6.
    gradients: PARTS.gradients.map((name) => rowOf(name, name === 'srwm' ? 'unroll-6' : name)),
  };
}

export const PICTURES = {
  cores: 'memory-cores.svg',
  gradients: 'memory-gradients.svg',
} as const;

const TITLES: Readonly<Record<keyof typeof PICTURES, string>> = {
  cores: 'Which cores remember a cue for 6 steps: every seed, mean and 95 % interval',
  gradients: 'SRWM by the reach of its gradients and the delay of the cue',
};

/** A picture of each part by its file's name. */
export function pictures(results: MemoryResults): Record<string, string> {
  return Object.fromEntries(
    (['cores', 'gradients'] as const).map((part) => [
      PICTURES[part],
      drawIntervals(
        TITLES[part],
        results[part],
        { label: 'chance', value: results.chance },
        'share of cues named, 5 seeds',
      ),
    ]),
  );
}

/** The page with the tables of the results between its markers; everything else stays. */
export function withTables(page: string, results: MemoryResults): string {
  const { cores, gradients } = results;
  return withParts(page, 'scripts/memory.ts', { cores: tableOf(cores), gradients: tableOf(gradients) });
}

function tableOf(rows: readonly MemoryRow[]): string {
  const number = (value: number) => value.toFixed(2);
  const cells = rows.map(({ label, values, mean, ci95 }) => [
    label,
    `**${number(mean)}** [${ci95.map(number).join(', ')}]`,
    values.map(number).join(', '),
  ]);
  const seeds = rows[0]?.seeds.join(', ') ?? '';
  return table(['', 'mean [95 % interval]', `seeds ${seeds}`], cells);
}
