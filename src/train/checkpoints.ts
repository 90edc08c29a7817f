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
  const folder = freeFolder(path.join(parent, numbered(counters.updates)), counters);
  const temporary = path.join(parent, `tmp-${counters.updates}`);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const { files } = await session.call('save', { folder: path.resolve(temporary), ...contents });
  const manifest: Manifest = { format: 1, counters, files };
  writeWhole(path.join(temporary, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  syncFolder(temporary);
  renameSync(temporary, folder);
  syncFolder(parent);
  for (const old of completeFolders(parent).slice(0, -keep))
    rmSync(path.join(parent, old), { recursive: true, force: true });
  return { folder, counters };
}

/**
 * An unroll too small for an update leaves their number as it was, and a damaged checkpoint may be in the way: neither
 * is removed before the new one is whole. `000000004.000000012` comes after `000000004`, as its name does.
 */
function freeFolder(folder: string, { unrolls }: Counters): string {
  const name = existsSync(folder) ? `${folder}.${numbered(unrolls)}` : folder;
  rmSync(name, { recursive: true, force: true });
  return name;
}

function numbered(count: number): string {
  return String(count).padStart(9, '0');
}

/** The newest checkpoint whose every file is whole, or null. Damaged ones are reported and passed over. */
export function latestCheckpoint(runFolder: string, warn: (message: string) => void): Checkpoint | null {
  const parent = path.join(runFolder, 'checkpoints');
  const seen = completeFolders(parent);
  for (const name of [...seen].reverse()) {
    const folder = path.join(parent, name);
    const found = readWhole(folder);
    if (typeof found !== 'string') return { folder, counters: found.counters };
    // A run that trains meanwhile has removed it, and written a newer one before.
    if (existsSync(folder)) warn(`checkpoint "${folder}" is damaged (${found}) and was passed over`);
  }
  const isNew = completeFolders(parent).some((name) => !seen.includes(name));
  return isNew ? latestCheckpoint(runFolder, warn) : null;
}

/** @throws RUN_CHECKPOINT when the run has none. */
export function requireCheckpoint(runFolder: string, warn: (message: string) => void): Checkpoint {
  const found = latestCheckpoint(runFolder, warn);
  if (found !== null) return found;
  const damaged = completeFolders(path.join(runFolder, 'checkpoints')).length;
  throw new SrwmError(
    'RUN_CHECKPOINT',
    `run: "${runFolder}" must hold a complete checkpoint, got ${damaged === 0 ? 'none' : `${damaged} damaged`}.`,
    {
      remedy:
        damaged === 0
          ? `Train it first: "srwm resume ${runFolder}".`
          : 'Put a whole copy of one into its place, or train again in a new folder.',
    },
  );
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
    .filter((name) => /^\d+(\.\d+)?$/.test(name))
    .sort();
}

/** The manifest of a checkpoint whose every file is as it says, or what is wrong. */
function readWhole(folder: string): Manifest | string {
  try {
    const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest | null;
    const isOurs =
      manifest?.format === 1 && Number.isSafeInteger((manifest.counters as Counters | undefined)?.updates);
    if (!isOurs) return 'manifest.json is not one that srwm wrote';
    for (const { name, sha256 } of manifest.files) {
      const found = createHash('sha256')
        .update(readFileSync(path.join(folder, name)))
        .digest('hex');
      if (found !== sha256) return `${name} has another hash`;
    }
    return manifest.files.length === 0 ? 'manifest.json names no file' : manifest;
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
