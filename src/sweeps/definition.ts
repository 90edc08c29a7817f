/** What a person says of a sweep: runs by name, what differs between their copies, and seeds. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { quoted, type Config } from '../config/index.ts';
import { definitionOf, type RunDefinition } from '../runs/index.ts';

/** Runs that are compared; every combination of them is trained. */
export interface SweepDefinition {
  /** By name: letters, digits, `_`, `-`, `.` and `+`. */
  readonly runs: Readonly<Record<string, Config | RunDefinition>>;
  /** Dotted config key to its values. Each combination is a copy of every run. */
  readonly grid?: Readonly<Record<string, readonly unknown[]>>;
  /** Each is a copy of every run; default: the one that a run's config has. */
  readonly seeds?: readonly number[];
  /** Runs at a time; default 1. */
  readonly jobs?: number;
}

const KEYS = ['runs', 'grid', 'seeds', 'jobs'] as const satisfies (keyof SweepDefinition)[];
const NAME = /^[\w.+-]+$/;
/** A longer list is a slip: a grid grows by multiplication. */
const MOST_RUNS = 10_000;

/**
 * A sweep for `srwm sweep file.ts`, which is a file that default-exports one.
 *
 * @example export default defineSweep({ runs: { tiny: presets.tiny() }, grid: { 'model.core.kind': ['srwm', 'feed_forward'] }, seeds: [1, 2, 3] });
 * @throws SrwmError SWEEP_INVALID for what cannot be a sweep.
 */
export function defineSweep(definition: SweepDefinition): SweepDefinition {
  if (typeof definition !== 'object' || (definition as unknown) === null)
    refuse('it must be an object', definition);
  const unknown = Object.keys(definition).find((key) => !(KEYS as readonly string[]).includes(key));
  if (unknown !== undefined) refuse(`keys must be of ${KEYS.join(', ')}`, unknown);
  requireRuns(definition.runs);
  requireGrid(definition);
  requireSeeds(definition.seeds);
  const { jobs } = definition;
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1))
    refuse('jobs must be a positive integer', jobs);
  return definition;
}

/** Whether a file's default export is a sweep. */
export function isSweep(value: unknown): value is SweepDefinition {
  return typeof value === 'object' && value !== null && 'runs' in value && !('config' in value);
}

function requireRuns(runs: unknown): void {
  const isRecord = typeof runs === 'object' && runs !== null && !Array.isArray(runs);
  if (!isRecord || Object.keys(runs).length === 0)
    refuse('runs must be configs or defineRun(...) by name, at least one', runs);
  for (const [name, run] of Object.entries(runs)) {
    if (!NAME.test(name)) refuse('a name of runs must consist of letters, digits, _, -, . and +', name);
    if (typeof run !== 'object' || run === null)
      refuse(`runs.${name} must be a config or defineRun(...)`, run);
  }
}

function requireGrid({ grid = {}, seeds }: SweepDefinition): void {
  for (const [key, values] of Object.entries(grid)) {
    if (!Array.isArray(values) || values.length === 0)
      refuse(`grid["${key}"] must be a list with at least one value`, values);
    if (new Set(values.map(quoted)).size < values.length)
      refuse(`grid["${key}"] must hold each value once`, values);
  }
  if (seeds !== undefined && 'seed' in grid) refuse('seeds must stand in one place', 'seeds and grid.seed');
}

function requireSeeds(seeds: readonly number[] | undefined): void {
  if (seeds === undefined) return;
  if (!Array.isArray(seeds) || seeds.length === 0) refuse('seeds must be a list, not empty', seeds);
  if (new Set(seeds).size < seeds.length) refuse('seeds must hold each seed once', seeds);
}

/** @throws SrwmError SWEEP_INVALID where there are too many. */
export function requireFew(count: number): void {
  if (count > MOST_RUNS) refuse(`it must come to at most ${MOST_RUNS} runs`, count);
}

/** A run of a sweep with its own parts, or only a config. */
export function partsOf(run: Config | RunDefinition): RunDefinition {
  return definitionOf(run) ?? { config: run as Config, own: {} };
}

/** @throws SrwmError SWEEP_INVALID always. */
export function refuse(requirement: string, got: unknown): never {
  throw new SrwmError('SWEEP_INVALID', `sweep: ${requirement}, got ${quoted(got).slice(0, 200)}.`);
}
