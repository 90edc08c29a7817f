/** From a definition to the list of runs, each with a name that depends on nothing but its own settings. */
import { resolveConfig, type Assignment, type ResolvedConfig } from '../config/index.ts';
import { ownNames, type OwnParts } from '../train/index.ts';
import { partsOf, refuse, requireFew, type SweepDefinition } from './definition.ts';

/** One run of a sweep, not begun. */
export interface PlannedRun {
  /** Also the name of its folder: a sweep that grows keeps the runs that it has. */
  readonly name: string;
  /** The name without the seed: runs that share it differ by their seed only. */
  readonly group: string;
  readonly seed: number;
  /** Its name in `runs` of the definition. */
  readonly entry: string;
  /** What the grid sets. */
  readonly changes: Readonly<Record<string, unknown>>;
  readonly resolved: ResolvedConfig;
  readonly own: OwnParts;
}

/**
 * Every combination of runs, grid and seeds, in that order. `extra` is set in all of them, before the grid.
 *
 * @throws SrwmError CONFIG_INVALID, CONFIG_UNKNOWN_KEY for the first run whose config cannot be; SWEEP_INVALID.
 */
export function planSweep(
  { runs, grid = {}, seeds }: SweepDefinition,
  extra: readonly Assignment[] = [],
): PlannedRun[] {
  const combinations = combinationsOf(grid);
  requireFew(Object.keys(runs).length * combinations.length * (seeds?.length ?? 1));
  const labels = labelsOf(Object.keys(grid));
  const planned = Object.entries(runs).flatMap(([entry, run]) => {
    const { config, own } = partsOf(run);
    return combinations.flatMap((changes) =>
      (seeds ?? [null]).map((seed): PlannedRun => {
        const assignments = [
          ...extra,
          ...Object.entries(changes).map(([key, value]) => ({ key, value, source: `grid ${key}` })),
          ...(seed === null ? [] : [{ key: 'seed', value: seed, source: 'seeds' }]),
        ];
        const resolved = resolveConfig(config, `runs.${entry}`, assignments, ownNames(own));
        const settings = Object.entries(changes).filter(([key]) => key !== 'seed');
        const group = [entry, ...settings.map(([key, value]) => `${labels.get(key)}=${textOf(value)}`)];
        const name = [...group, `seed=${resolved.config.seed}`].join(',');
        return {
          name,
          group: group.join(','),
          seed: resolved.config.seed,
          entry,
          changes,
          resolved,
          own,
        };
      }),
    );
  });
  const names = planned.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) refuse('every run must differ from the others in its name', twice);
  return planned;
}

function combinationsOf(grid: NonNullable<SweepDefinition['grid']>): Record<string, unknown>[] {
  return Object.entries(grid).reduce<Record<string, unknown>[]>(
    (made, [key, values]) => made.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
}

/** `core` for `model.core.kind`, `learningRate` for `train.learningRate`; the whole key where two would be alike. */
function labelsOf(keys: readonly string[]): Map<string, string> {
  const short = (key: string): string => key.replace(/\.kind$/, '').replace(/^.*\./, '');
  const all = keys.map(short);
  return new Map(
    keys.map((key, index) => [
      key,
      all.indexOf(short(key)) === all.lastIndexOf(all[index] as string) ? short(key) : key,
    ]),
  );
}

/** A value as a part of a folder's name. */
function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  return text.replaceAll(/[^\w.+-]+/g, '-').replaceAll(/^-|-$/g, '');
}
