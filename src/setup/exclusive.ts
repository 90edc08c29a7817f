/** A lock file with the holder's process id: one set-up a `.venv`, and a dead holder's lock is taken over. */
import { mkdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Start of the process in clock ticks: tells a process from a later one with the same number; null where unknown. */
  readonly started: string | null;
}

const POLL_MS = 150;
const HEARTBEAT_MS = 5_000;
const SILENT_MS = 60_000;
const UNWRITTEN_MS = 5_000;

/**
 * Runs `work` while holding `file`; waits for another holder and calls `onWait` once with its process id.
 *
 * @throws the signal's reason when aborted while waiting; errors of the file system as they come.
 */
export async function exclusively<T>(
  file: string,
  signal: AbortSignal,
  onWait: (pid: number) => void,
  work: () => Promise<T>,
): Promise<T> {
  makeFolder(path.dirname(file));
  let told = false;
  while (!create(file)) {
    const holder = read(file);
    if (isStale(file, holder)) {
      takeOver(file);
      continue;
    }
    if (!told && holder !== null) {
      onWait(holder.pid);
      told = true;
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
  const heartbeat = setInterval(() => {
    try {
      utimesSync(file, new Date(), new Date());
    } catch {
      // The folder was removed under us: the work itself will say so.
    }
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    remove(file);
  }
}

/** Not recursive: Node's recursive form calls a read-only disk a missing folder. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function create(file: string): boolean {
  const holder: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  try {
    writeFileSync(file, JSON.stringify(holder), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function read(file: string): Holder | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

function isStale(file: string, holder: Holder | null): boolean {
  const silent = silentFor(file);
  // Between its creation and its writing a lock is empty.
  if (holder === null) return silent > UNWRITTEN_MS;
  if (holder.host !== hostname()) return silent > SILENT_MS;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'EPERM');
  }
  return holder.started !== null && startOf(holder.pid) !== holder.started;
}

/** Removes a stale lock; a second, short-lived lock keeps two waiters from removing each other's fresh one. */
function takeOver(file: string): void {
  const guard = `${file}.takeover`;
  if (!create(guard)) {
    if (silentFor(guard) > UNWRITTEN_MS) remove(guard);
    return;
  }
  try {
    if (isStale(file, read(file))) remove(file);
  } finally {
    remove(guard);
  }
}

function silentFor(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Gone already.
  }
}

function startOf(pid: number): string | null {
  try {
    // The command in field 2 may hold spaces and brackets: count from the last one.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
    return fields?.[19] ?? null;
  } catch {
    return null;
  }
}
