/** What set-up has finished, kept in `.venv`: makes a second run a no-op and a stopped one resumable. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** One entry a finished step; `key` names everything that the step depends on. */
export interface Journal {
  readonly format: 1;
  readonly venv?: {
    readonly key: string;
    readonly python: string;
    readonly version: string;
    /** SRWM_PYTHON at that time. */
    readonly named: string | null;
    /** site-packages, relative to `.venv`. */
    readonly sitePackages: string;
  };
  readonly installer?: { readonly key: string };
  readonly packages?: {
    readonly key: string;
    readonly dev: boolean;
    /** False while uv is at work: a stop then leaves half-written packages that look installed. */
    readonly finished: boolean;
    readonly distributions: readonly string[];
  };
  readonly modules?: { readonly key: string };
  readonly procgen?: {
    readonly key: string;
    readonly library: string | null;
    readonly sha256: string | null;
    readonly stubs: boolean;
    /** Why there is no library. */
    readonly reason: string | null;
  };
  readonly kernels?: {
    readonly key: string;
    readonly built: boolean;
    readonly path: string | null;
    readonly reason: string | null;
  };
  readonly check?: { readonly key: string };
}

export const EMPTY_JOURNAL: Journal = { format: 1 };

function journalFile(venv: string): string {
  return path.join(venv, 'srwm-setup.json');
}

/** Whether srwm made this `.venv`; a damaged journal says so too. */
export function hasJournal(venv: string): boolean {
  return existsSync(journalFile(venv));
}

/** Returns the journal, or null when there is none that this version can read. */
export function readJournal(venv: string): Journal | null {
  try {
    const journal = JSON.parse(readFileSync(journalFile(venv), 'utf8')) as Journal;
    return journal.format === 1 ? journal : null;
  } catch {
    return null;
  }
}

/** Writes the journal whole or not at all. */
export function writeJournal(venv: string, journal: Journal): void {
  const temporary = `${journalFile(venv)}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(journal, null, 2)}\n`);
  renameSync(temporary, journalFile(venv));
}

/** Returns a short hash of what a step depends on. */
export function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}
