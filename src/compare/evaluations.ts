/** The evaluations of runs, as they lie in their folders. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { Config } from '../config/index.ts';
import type { EvaluationRecord } from '../metrics/index.ts';
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
 * @throws SrwmError RUN_MISSING, RUN_FOREIGN; COMPARE_NO_EVALUATION.
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
    { remedy: `Run "srwm evaluate ${folder}".` },
  );
}

/** In the order in which they were made: names begin with the update and end with the time. */
function recordsOf(folder: string): EvaluationRecord[] {
  const parent = path.join(folder, 'evaluations');
  if (!existsSync(parent)) return [];
  const names = readdirSync(parent).filter((name) => name.endsWith('.json'));
  return names.sort().flatMap((name) => {
    const record = JSON.parse(readFileSync(path.join(parent, name), 'utf8')) as Partial<EvaluationRecord>;
    return record.format === 1 && record.rows !== undefined ? [record as EvaluationRecord] : [];
  });
}
