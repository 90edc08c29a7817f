/** The evaluations of runs, as they lie in their folders. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import type { EvaluationRecord, LevelRow } from '../metrics/index.ts';
import { readRecord } from '../train/index.ts';

/** A run with what its newest checkpoint was evaluated on; of a split that was played twice, the later. */
export interface EvaluatedRun {
  readonly folder: string;
  readonly config: Config;
  readonly evaluation: EvaluationRecord;
}

/** What an evaluation must be to count. */
export interface Wanted {
  readonly protocol: string;
  readonly state: string;
}

/**
 * @throws SrwmError RUN_MISSING, RUN_FOREIGN; COMPARE_NO_EVALUATION, COMPARE_EVALUATION.
 */
export function evaluatedRun(folder: string, wanted: Wanted): EvaluatedRun {
  const { config } = readRecord(folder);
  const found = recordsOf(folder).filter(
    ({ protocol, state }) => state === wanted.state && protocol === wanted.protocol,
  );
  const newest = Math.max(...found.map(({ update }) => update));
  const latest = found.filter(({ update }) => update === newest);
  const evaluation = latest.at(-1);
  if (evaluation !== undefined) {
    const rows = Object.assign({}, ...latest.map((one) => one.rows)) as EvaluationRecord['rows'];
    return { folder, config, evaluation: { ...evaluation, rows } };
  }
  throw new SrwmError(
    'COMPARE_NO_EVALUATION',
    `compare: "${folder}" must hold an evaluation by the protocol ${wanted.protocol} with its core state handled as "${wanted.state}", but has none.`,
    { remedy: `Run "srwm evaluate ${folder} --protocol ${wanted.protocol} --state ${wanted.state}".` },
  );
}

/** In the order in which they were made: names begin with the update and end with the time. */
function recordsOf(folder: string): EvaluationRecord[] {
  const parent = path.join(folder, 'evaluations');
  if (!existsSync(parent)) return [];
  const names = readdirSync(parent).filter((name) => name.endsWith('.json'));
  return names.sort().flatMap((name) => {
    const record = readEvaluation(path.join(parent, name));
    // Another version's, or of a form without episodes.
    if (record['format'] !== 1 || record['rows'] === undefined) return [];
    return [requireEvaluation(path.join(parent, name), record)];
  });
}

function readEvaluation(file: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
    throw new Error(`it holds ${JSON.stringify(value)}`);
  } catch (cause) {
    throw damaged(file, (cause as Error).message, cause);
  }
}

/** A return that is no number would become NaN in every figure. */
function requireEvaluation(file: string, record: Readonly<Record<string, unknown>>): EvaluationRecord {
  const { update, rows } = record;
  if (!Number.isSafeInteger(update)) throw damaged(file, `update is ${JSON.stringify(update)}`);
  if (typeof rows !== 'object' || rows === null) throw damaged(file, `rows is ${JSON.stringify(rows)}`);
  for (const [split, episodes] of Object.entries(rows)) {
    if (!Array.isArray(episodes)) throw damaged(file, `rows["${split}"] is no list`);
    const wrong = episodes.findIndex((row) => !isLevelRow(row));
    if (wrong >= 0) throw damaged(file, `rows["${split}"][${wrong}] is ${JSON.stringify(episodes[wrong])}`);
  }
  return record as unknown as EvaluationRecord;
}

function isLevelRow(row: unknown): boolean {
  if (typeof row !== 'object' || row === null) return false;
  const { game, level, episode_return: value } = row as Partial<LevelRow>;
  return typeof game === 'string' && Number.isSafeInteger(level) && Number.isFinite(value);
}

function damaged(file: string, how: string, cause?: unknown): SrwmError {
  return new SrwmError(
    'COMPARE_EVALUATION',
    `compare: "${file}" must be an evaluation that srwm wrote, but ${how.replace(/\.$/, '')}.`,
    { cause },
  );
}
