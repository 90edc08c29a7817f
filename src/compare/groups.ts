/** Runs that differ by their seed only are one group; groups must be of one environment. */
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import type { EvaluatedRun } from './evaluations.ts';

/** Runs of one configuration. */
export interface RunGroup {
  readonly name: string;
  readonly runs: readonly EvaluatedRun[];
}

/** Keys that change nothing of what is learnt or played. */
const ASIDE = new Set(['seed', 'checkpoint', 'evaluation', 'hardware', 'environment.numHosts']);
/** Keys of an environment in which runs that are compared may differ: what is trained on, not what is played. */
const FREE = new Set(['numEnvs', 'numHosts', 'blank', 'numLevels', 'startLevel']);

/** @throws SrwmError COMPARE_RUNS for a run named twice, a seed twice, or different environments. */
export function groupRuns(runs: readonly EvaluatedRun[]): RunGroup[] {
  requireDistinct(runs);
  requireOneEnvironment(runs);
  const groups = new Map<string, EvaluatedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify(leaves(run.config).filter(([name]) => !isAside(name)));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const all = [...groups.values()];
  for (const group of all) requireSeeds(group);
  return all.map((group) => ({ name: nameOf(group, all), runs: group }));
}

function isAside(name: string): boolean {
  // Rounding is part of what is learnt, unlike where and on how many threads.
  if (name === 'hardware.precision') return false;
  return ASIDE.has(name) || ASIDE.has(name.split('.')[0] ?? '');
}

function requireDistinct(runs: readonly EvaluatedRun[]): void {
  const places = runs.map(({ folder }) => path.resolve(folder));
  const twice = runs.find((_, index) => places.indexOf(places[index] as string) !== index);
  if (twice === undefined) return;
  throw new SrwmError('COMPARE_RUNS', `compare: each run must be named once, got "${twice.folder}" again.`);
}

function requireSeeds(runs: readonly EvaluatedRun[]): void {
  const first = runs.find(
    ({ config }, index) => runs.findIndex((one) => one.config.seed === config.seed) < index,
  );
  if (first === undefined) return;
  const same = runs
    .filter(({ config }) => config.seed === first.config.seed)
    .map(({ folder }) => `"${folder}"`);
  throw new SrwmError(
    'COMPARE_RUNS',
    `compare: runs of one configuration must have different seeds, but ${same.join(' and ')} have seed ${first.config.seed}.`,
    { remedy: 'Leave one of them out: they are the same run.' },
  );
}

function requireOneEnvironment(runs: readonly EvaluatedRun[]): void {
  const [first, ...others] = runs;
  if (first === undefined) return;
  for (const other of others) {
    const [ours, theirs] = [playedIn(first.config), playedIn(other.config)];
    const key = [...new Set([...ours.keys(), ...theirs.keys()])].find(
      (name) => ours.get(name) !== theirs.get(name),
    );
    if (key === undefined) continue;
    const shown = (own: ReadonlyMap<string, string>): string => own.get(key) ?? 'nothing';
    throw new SrwmError(
      'COMPARE_RUNS',
      `compare: runs must be of one environment, but environment.${key} is ${shown(ours)} in "${first.folder}" and ${shown(theirs)} in "${other.folder}".`,
    );
  }
}

/** The order of games does not matter. */
function playedIn({ environment }: Config): Map<string, string> {
  const entries = Object.entries(environment).filter(([key]) => !FREE.has(key));
  return new Map(
    entries.map(([key, value]) => [
      key,
      JSON.stringify(key === 'games' && Array.isArray(value) ? [...(value as string[])].sort() : value),
    ]),
  );
}

/** The folder of a single run; else what the folders have in common; else the first one and how many more. */
function nameOf(group: readonly EvaluatedRun[], all: readonly (readonly EvaluatedRun[])[]): string {
  const [first, ...others] = group.map(({ folder }) => folder.replace(/\/+$/, ''));
  if (first === undefined || others.length === 0) return first ?? '';
  const common = commonStart(group.map(({ folder }) => path.basename(path.resolve(folder))));
  const others_ = all
    .filter((one) => one !== group)
    .flatMap((one) => one.map(({ folder }) => path.basename(path.resolve(folder))));
  const isClear = common.length > 1 && !others_.some((name) => commonStart([name, `${common}~`]) === common);
  return isClear ? common : `${first} and ${others.length} more`;
}

/** What names begin with, without a cut seed and the signs before it. */
function commonStart(names: readonly string[]): string {
  const [first = '', ...others] = names;
  let length = 0;
  while (length < first.length && others.every((name) => name[length] === first[length])) length += 1;
  return first.slice(0, length).replace(/[-_,.+]*(seed)?[-_,.=+]*$/, '');
}

function leaves(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value)
    .flatMap(([key, one]): [string, unknown][] =>
      typeof one === 'object' && one !== null && !Array.isArray(one)
        ? leaves(one as object, `${prefix}${key}.`)
        : [[`${prefix}${key}`, one]],
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
