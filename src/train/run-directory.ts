/** The folder of a run: config, metrics, graphs, checkpoints, log. One process at a time. */
import {
  accessSync,
  appendFileSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { configSchema, type ResolvedConfig } from '../config/index.ts';
import type { Graph } from '../graph/index.ts';
import type { RunEnd, RunEvent } from './events.ts';
import { makeFolder } from './make-folder.ts';

/** Which parts of a run are not the configuration's, and the file that they come from. */
export interface OwnRecord {
  readonly parts: readonly string[];
  /** Relative to the run directory; null when a script gave them without a file. */
  readonly file: string | null;
  /** Its name in the file's sweep; absent when the file default-exports the run itself. */
  readonly entry?: string;
  /** The copy inside the run directory. */
  readonly copy: string | null;
  readonly sha256: string | null;
}

/** What `config.json` holds. */
export interface RunRecord extends ResolvedConfig {
  readonly format: 1;
  readonly preset: string;
  readonly created: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Absent when every part is the configuration's. */
  readonly own?: OwnRecord;
}

export class RunDirectory implements Disposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Refuses a folder that cannot become a new run, before anything slow begins. @throws RUN_EXISTS, RUN_UNWRITABLE */
  static requireNew(folder: string): void {
    if (existsSync(path.join(folder, 'config.json'))) {
      throw new SrwmError(
        'RUN_EXISTS',
        `run: "${folder}" must be a new folder, but it holds a run already.`,
        {
          remedy: `Go on with "srwm resume ${folder}", or choose another --run.`,
        },
      );
    }
    try {
      makeFolder(folder);
      accessSync(folder, constants.W_OK);
    } catch (error) {
      throw unwritable(folder, error);
    }
  }

  /** Refuses a run that another process is using, before anything slow begins. @throws RUN_LOCKED */
  static requireFree(folder: string): void {
    const file = path.join(folder, 'lock');
    if (existsSync(file)) requireGone(folder, Number(readFileSync(file, 'utf8')));
  }

  /** Makes a new run. @throws RUN_EXISTS, RUN_UNWRITABLE */
  static create(folder: string, record: RunRecord): RunDirectory {
    RunDirectory.requireNew(folder);
    try {
      for (const part of ['checkpoints', 'graphs', 'log', 'evaluations', 'artifacts']) {
        mkdirSync(path.join(folder, part), { recursive: true });
      }
      const run = RunDirectory.#lock(folder);
      writeWhole(path.join(folder, 'config.json'), `${JSON.stringify(record, null, 2)}\n`);
      return run;
    } catch (error) {
      throw unwritable(folder, error);
    }
  }

  /** Takes up a run that exists. @throws RUN_MISSING, RUN_FOREIGN, RUN_LOCKED */
  static open(folder: string): { readonly run: RunDirectory; readonly record: RunRecord } {
    const record = readRecord(folder);
    try {
      return { run: RunDirectory.#lock(folder), record };
    } catch (error) {
      throw unwritable(folder, error);
    }
  }

  static #lock(folder: string): RunDirectory {
    const file = path.join(folder, 'lock');
    for (;;) {
      try {
        const descriptor = openSync(file, 'wx');
        writeSync(descriptor, String(process.pid));
        closeSync(descriptor);
        return new RunDirectory(folder);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        requireGone(folder, Number(readFileSync(file, 'utf8')));
        // The process that held it is gone; whoever removes the file first tries again with everybody else.
        rmSync(file, { force: true });
      }
    }
  }

  path(...parts: readonly string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** Appends one row; it is in the file when this returns, whatever happens to this process then. */
  record(event: RunEvent): void {
    appendFileSync(this.path('metrics.jsonl'), `${JSON.stringify(event)}\n`);
  }

  writeGraph(graph: Graph): void {
    writeWhole(this.path('graphs', `${graph.name}.txt`), `${graph.text()}\n`);
  }

  writeEnd(end: RunEnd): void {
    writeWhole(this.path('result.json'), `${JSON.stringify(end, null, 2)}\n`);
  }

  /** Moves metric rows beyond a checkpoint to orphaned.jsonl: a resumed run writes them again. */
  dropRowsBeyond(from: Counted): void {
    const file = this.path('metrics.jsonl');
    if (!existsSync(file)) return;
    const kept: string[] = [];
    const orphaned: string[] = [];
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line !== '') (isBeyond(line, from) ? orphaned : kept).push(line);
    }
    if (orphaned.length === 0) return;
    appendFileSync(this.path('orphaned.jsonl'), orphaned.map((line) => `${line}\n`).join(''));
    writeWhole(file, kept.map((line) => `${line}\n`).join(''));
  }

  [Symbol.dispose](): void {
    rmSync(this.path('lock'), { force: true });
  }
}

/** How far a run has come. */
interface Counted {
  readonly updates: number;
  readonly evaluated: number;
}

/** A row that a crash cut short counts as beyond: it was never whole. */
function isBeyond(line: string, { updates, evaluated }: Counted): boolean {
  try {
    const row = JSON.parse(line) as { type: string; index?: number; update?: number };
    return (
      (row.type === 'update' && (row.index ?? 0) >= updates) ||
      (row.type === 'debug' && (row.update ?? 0) >= updates) ||
      (row.type === 'evaluation' && (row.update ?? 0) > evaluated) ||
      (row.update ?? 0) > updates ||
      row.type === 'run_end'
    );
  } catch {
    return true;
  }
}

/** @throws RUN_MISSING or RUN_FOREIGN */
export function readRecord(folder: string): RunRecord {
  const file = path.join(folder, 'config.json');
  if (!existsSync(file)) {
    throw new SrwmError(
      'RUN_MISSING',
      `run: "${folder}" must be a run directory, but it holds no config.json.`,
    );
  }
  try {
    const record = JSON.parse(readFileSync(file, 'utf8')) as RunRecord | null;
    const ours =
      record?.format === 1 && typeof record.config === 'object' && (record.config as unknown) !== null;
    if (!ours) throw new Error('it has another format');
    requireThisVersion(record);
    return record;
  } catch (cause) {
    throw new SrwmError(
      'RUN_FOREIGN',
      `run: "${file}" must be a config that srwm wrote, but ${(cause as Error).message}.`,
      { cause },
    );
  }
}

/** A key that came later would be read as undefined, and train something else in silence. */
function requireThisVersion({ config }: RunRecord): void {
  const fault = configSchema.safeParse(config).error?.issues[0];
  if (fault === undefined) return;
  const key = fault.path.map(String).join('.');
  throw new Error(
    `another version of srwm wrote it: ${key === '' ? 'config' : key}: ${fault.message.replace(/\.$/, '')}`,
  );
}

/** The end of a finished run, or null. @throws RUN_FOREIGN */
export function readEnd(folder: string): RunEnd | null {
  const file = path.join(folder, 'result.json');
  if (!existsSync(file)) return null;
  try {
    const end = JSON.parse(readFileSync(file, 'utf8')) as RunEnd | null;
    if (typeof end?.finished !== 'boolean') throw new Error('it has another form');
    return end;
  } catch (cause) {
    throw new SrwmError(
      'RUN_FOREIGN',
      `run: "${file}" must be the end of a run that srwm wrote, but ${(cause as Error).message}.`,
      { remedy: 'Move the file away: "srwm resume" then goes on from the newest checkpoint.', cause },
    );
  }
}

/** Whole or not at all, also when the machine stops in between. */
export function writeWhole(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { flush: true });
  renameSync(temporary, file);
}

function requireGone(folder: string, owner: number): void {
  if (!isAlive(owner)) return;
  throw new SrwmError('RUN_LOCKED', `run: "${folder}" must be free, but process ${owner} is using it.`);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function unwritable(folder: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof SrwmError || code === undefined) return error;
  return new SrwmError(
    'RUN_UNWRITABLE',
    `run: "${folder}" must be a folder that can be written, got ${code}.`,
    { cause: error },
  );
}
