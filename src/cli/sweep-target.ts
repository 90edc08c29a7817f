/** What the words of `srwm sweep` name: a preset or a file of one run with grid and seeds beside it, or a file's sweep. */
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { parseAssignment, presetNamed } from '../config/index.ts';
import { definitionOf as definitionOfRun, loadModule, requireTypes } from '../runs/index.ts';
import { defineSweep, isSweep, planSweep, type PlannedRun, type SweepDefinition } from '../sweeps/index.ts';
import { configTargetOf, SCRIPT } from './program.ts';

export interface SweepWords {
  readonly sets: readonly string[];
  readonly grid: readonly string[];
  readonly seeds: string | undefined;
  readonly cwd: string;
  /** Type-check a file with the project's TypeScript. */
  readonly types: boolean;
}

export interface SweepTarget {
  /** For the folder when nobody says. */
  readonly name: string;
  readonly planned: readonly PlannedRun[];
  readonly jobs: number | null;
  /** The file that own parts come from. */
  readonly file: string | null;
}

/** @throws SWEEP_INVALID, CLI_INVALID_VALUE, and what `srwm train` refuses */
export async function sweepTargetOf(word: string, words: SweepWords): Promise<SweepTarget> {
  const { definition, file } = await definitionOf(word, words);
  const given = Object.fromEntries(words.grid.map(gridOf));
  const seeds = words.seeds === undefined ? definition.seeds : seedsOf(words.seeds);
  const whole = defineSweep({
    ...definition,
    grid: { ...definition.grid, ...given },
    ...(seeds && { seeds }),
  });
  const planned = planSweep(whole, words.sets.map(parseAssignment));
  const name = path.basename(word).replace(/\.\w+$/, '');
  return { name, planned, jobs: whole.jobs ?? null, file };
}

async function definitionOf(
  word: string,
  { cwd, types }: SweepWords,
): Promise<{ readonly definition: SweepDefinition; readonly file: string | null }> {
  if (!SCRIPT.test(word))
    return { definition: { runs: { [word.replaceAll('/', '-')]: presetNamed(word).config() } }, file: null };
  const file = path.resolve(cwd, word);
  const { default: exported } = await loadModule(file);
  if (isSweep(exported)) {
    if (types) await requireTypes(file);
    return { definition: defineSweep(exported), file };
  }
  if (definitionOfRun(exported) === null) {
    throw new SrwmError(
      'CONFIG_FILE',
      `${word}: the default export must be defineSweep(...) or defineRun(...), got ${exported === undefined ? 'none' : typeof exported}.`,
      { remedy: 'Write "export default defineSweep({ runs: { tiny: presets.tiny() }, seeds: [1, 2, 3] })".' },
    );
  }
  const { resolved, own } = await configTargetOf('sweep', word, { sets: [], cwd, types });
  const name = path.basename(word).replace(/\.\w+$/, '');
  return { definition: { runs: { [name]: { config: resolved.config, own } } }, file };
}

/** `train.learningRate=1e-3,3e-4`: each value as in --set; a list of lists is written as JSON. */
function gridOf(text: string): readonly [string, readonly unknown[]] {
  const { key, value } = parseAssignment(text);
  if (Array.isArray(value)) return [key, value as readonly unknown[]];
  const texts = text.slice(text.indexOf('=') + 1).split(',');
  return [key, texts.map((one) => parseAssignment(`${key}=${one}`).value)];
}

/** `1-5` or `1,2,7`. */
function seedsOf(text: string): number[] {
  const seeds = text.split(',').flatMap((part) => {
    const range = /^(\d+)-(\d+)$/.exec(part);
    if (range === null) return /^\d+$/.test(part) ? [Number(part)] : [NaN];
    const [first, last] = [Number(range[1]), Number(range[2])];
    return first > last || last - first >= 1000
      ? [NaN]
      : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  if (seeds.every(Number.isInteger)) return seeds;
  throw new SrwmError('CLI_INVALID_VALUE', `--seeds: must be like 1-5 or 1,2,7, got "${text}".`);
}
