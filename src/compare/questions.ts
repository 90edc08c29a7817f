/** What a comparison asks of the resampling, all in one go, and what it makes of the answers. */
import { RUNS, SIGNIFICANCE, statistics } from '../config/index.ts';
import {
  resample,
  type Interpreter,
  type ResamplingAnswer,
  type ResamplingJob,
} from '../statistics/index.ts';
import type { RunGroup } from './groups.ts';
import type { ComparePair, CompareRow, GapRow, Interval } from './report.ts';
import { levelScores, mean, runScores, type Measure } from './scores.ts';
import { pairWords } from './words.ts';

/** Thresholds of performance profiles. */
const THRESHOLDS = Array.from({ length: 25 }, (_, i) => i / 20);

/** A part of a report, once `Questions.ask` has its answers. */
type Finish<T> = () => T;

export class Questions {
  readonly #measure: Measure;
  readonly #paired: boolean;
  readonly #jobs: ResamplingJob[] = [];
  #answers: readonly ResamplingAnswer[] = [];

  /** `paired`: every group has played the same levels, once each. */
  constructor(measure: Measure, paired: boolean) {
    this.#measure = measure;
    this.#paired = paired;
  }

  async ask(interpreter: Interpreter, signal: AbortSignal): Promise<void> {
    this.#answers = await resample(interpreter, statistics, this.#jobs, signal);
  }

  /** A group on a split. */
  row(group: RunGroup, split: string): Finish<CompareRow> {
    const over = overOf(group);
    const values = this.#values(over, group, split);
    const isNormalized = this.#measure.name === 'normalized return';
    const aggregates = this.#add({ kind: 'aggregates', a: values, pooled: over === 'runs' });
    const shares = isNormalized ? this.#add({ kind: 'profile', a: values, thresholds: THRESHOLDS }) : null;
    return () => ({
      name: group.name,
      runs: group.runs.map(({ folder }) => folder),
      seeds: group.runs.map(({ config }) => config.seed),
      split,
      over,
      mean: interval(aggregates(), 0),
      median: interval(aggregates(), 1),
      iqm: interval(aggregates(), 2),
      optimality_gap: isNormalized ? interval(aggregates(), 3) : null,
      games: this.#games(group, split),
      profile:
        shares === null
          ? null
          : { thresholds: THRESHOLDS, share: THRESHOLDS.map((_, i) => interval(shares(), i)) },
    });
  }

  /** Two groups on a split. */
  pair(a: RunGroup, b: RunGroup, split: string): Finish<ComparePair> {
    const over = overOf(a, b);
    const kind = over === 'runs' ? 'runs' : this.#paired ? 'paired' : 'independent';
    const job = { kind, a: this.#values(over, a, split), b: this.#values(over, b, split) } as const;
    const answer = this.#add(job);
    return () => {
      const { p = null, improvement } = answer();
      const { value: difference, ci95 } = interval(answer());
      const [low, high] = ci95;
      const found = {
        a: a.name,
        b: b.name,
        split,
        over,
        difference,
        ci95,
        p,
        significant: (low > 0 || high < 0) && (p === null || p < SIGNIFICANCE),
        improvement: improvement === undefined ? null : interval(improvement),
      };
      return { ...found, words: pairWords(found, this.#measure.name, a.runs.length, b.runs.length) };
    };
  }

  /** Of every way of playing in which the group has played both its training and unseen levels. */
  gaps(group: RunGroup, splits: readonly string[]): Finish<GapRow>[] {
    const over = overOf(group);
    const plays = ['sampled', 'greedy'].filter((play) =>
      [`train/${play}`, `unseen/${play}`].every((split) => splits.includes(split)),
    );
    return plays.map((play) => {
      const [train, unseen] = [`train/${play}`, `unseen/${play}`].map((split) =>
        this.#values(over, group, split),
      ) as [number[][], number[][]];
      const answer = this.#add(
        over === 'runs'
          ? // Each run against itself: what its training levels are worth more than unseen ones.
            {
              kind: 'mean',
              a: train.map((own, g) => own.map((value, i) => value - (unseen[g]?.[i] as number))),
            }
          : { kind: 'independent', a: train, b: unseen },
      );
      return () => ({ name: group.name, play, over, gap: interval(answer()) });
    });
  }

  #add(job: ResamplingJob): () => ResamplingAnswer {
    const at = this.#jobs.push(job) - 1;
    return () => this.#answers[at] as ResamplingAnswer;
  }

  #values(over: 'runs' | 'levels', group: RunGroup, split: string): number[][] {
    return over === 'runs'
      ? runScores(group, split, this.#measure)
      : levelScores(group, split, this.#measure, this.#paired);
  }

  #games(group: RunGroup, split: string): CompareRow['games'] {
    const scores = runScores(group, split, this.#measure);
    return this.#measure.games.map((game, g) => ({
      game,
      mean_return: mean(
        group.runs.map(({ evaluation }) => {
          const own = (evaluation.rows[split] ?? []).filter((row) => row.game === game);
          return mean(own.map((row) => row.episode_return));
        }),
      ),
      score: mean(scores[g] as number[]),
    }));
  }
}

/** Intervals over fewer runs would say more than is known. */
function overOf(...groups: readonly RunGroup[]): 'runs' | 'levels' {
  return groups.every(({ runs }) => runs.length >= RUNS.forInterval) ? 'runs' : 'levels';
}

/** The `i`th number of an answer. */
function interval({ value, low, high }: Pick<ResamplingAnswer, 'value' | 'low' | 'high'>, i = 0): Interval {
  return { value: value[i] as number, ci95: [low[i] as number, high[i] as number] };
}
