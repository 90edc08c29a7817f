/** Checkpoints: complete or absent, verified when read, enough to go on bit for bit. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { CurriculumState } from './curriculum-runner.ts';
import { writeWhole } from './run-directory.ts';
import type { Session } from './session.ts';
import type { Collected } from './unrolls.ts';

/** What the worker must write and read back: names of its objects. */
export interface Contents {
  readonly sets: string[];
  readonly optimizers: string[];
  readonly handles: string[];
  readonly pools: string[];
}

/** What TypeScript itself must remember. */
export interface Counters {
  readonly updates: number;
  readonly unrolls: number;
  readonly envSteps: number;
  /** Updates before the newest evaluation; only where the run evaluates while it trains. */
  readonly evaluated?: number;
  readonly seconds: number;
  readonly recentReturns: readonly number[];
  /** Of a run with a curriculum. */
  readonly curriculum?: CurriculumState;
  readonly returnsByGame: Readonly<Record<string, readonly number[]>>;
  /** Of each column that is left over for the next update: see Algorithm. Only where there are some. */
  readonly leftOver?: readonly number[];
  /** The unroll that was collected and not learnt from yet; only where lanes overlap. */
  readonly waiting?: Collected;
}

interface Manifest {
  readonly format: 1;
  readonly counters: Counters;
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
}

export interface Checkpoint {
  readonly folder: string;
  readonly counters: Counters;
}

/** Written beside its final place, synced, then renamed: a half-written checkpoint never carries a final name. */
export async function writeCheckpoint(
  session: Session,
  runFolder: string,
  contents: Contents,
  counters: Counters,
  keep: number,
): Promise<Checkpoint> {
  const parent = path.join(runFolder, 'checkpoints');
  const folder = path.join(parent, String(counters.updates).padStart(9, '0'));
  const temporary = path.join(parent, `tmp-${counters.updates}`);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const { files } = await session.call('save', { folder: path.resolve(temporary), ...contents });
  const manifest: Manifest = { format: 1, counters, files };
  writeWhole(path.join(temporary, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  syncFolder(temporary);
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
  syncFolder(parent);
  for (const old of completeFolders(parent).slice(0, -keep))
    rmSync(path.join(parent, old), { recursive: true, force: true });
  return { folder, counters };
}

/** The newest checkpoint whose every file is whole, or null. Damaged ones are reported and passed over. */
export function latestCheckpoint(runFolder: string, warn: (message: string) => void): Checkpoint | null {
  const parent = path.join(runFolder, 'checkpoints');
  for (const name of completeFolders(parent).reverse()) {
    const folder = path.join(parent, name);
    const fault = damageOf(folder);
    if (fault === null) return { folder, counters: readManifest(folder).counters };
    warn(`checkpoint "${folder}" is damaged (${fault}) and was passed over`);
  }
  return null;
}

/** @throws RUN_CHECKPOINT when the run has none. */
export function requireCheckpoint(runFolder: string, warn: (message: string) => void): Checkpoint {
  const found = latestCheckpoint(runFolder, warn);
  if (found !== null) return found;
  throw new SrwmError('RUN_CHECKPOINT', `run: "${runFolder}" must hold a complete checkpoint, got none.`, {
    remedy: `Train it first: "srwm resume ${runFolder}".`,
  });
}

export async function restoreCheckpoint(
  session: Session,
  checkpoint: Checkpoint,
  contents: Contents,
): Promise<void> {
  await session.call('restore', { folder: path.resolve(checkpoint.folder), ...contents });
}

function completeFolders(parent: string): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .filter((name) => /^\d+$/.test(name))
    .sort();
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
}

function damageOf(folder: string): string | null {
  try {
    for (const { name, sha256 } of readManifest(folder).files) {
      const found = createHash('sha256')
        .update(readFileSync(path.join(folder, name)))
        .digest('hex');
      if (found !== sha256) return `${name} has another hash`;
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function syncFolder(folder: string): void {
  // Windows cannot open folders; there the rename is as safe as it gets.
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
