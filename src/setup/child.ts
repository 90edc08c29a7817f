/** Runs one program of set-up, hands on its lines, and stops it with all its children when asked. */
import type { ProcessEnvironment } from './places.ts';

export interface ChildOptions {
  readonly cwd: string;
  readonly environment: ProcessEnvironment;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** Called for each line, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface ChildResult {
  readonly ok: boolean;
  /** True when there is no such program. */
  readonly missing: boolean;
  /** `exit code 1`, `signal SIGKILL`, `no answer in 10 s`, ... */
  readonly how: string;
  readonly stdout: readonly string[];
  /** The last lines of both streams, in the order in which they came. */
  readonly tail: readonly string[];
}

const TAIL_LINES = 40;
const GRACE_MS = 5_000;

// A user's own Python settings must not leak into our environment, nor an active one into the new one.
const HIDDEN = [
  'PYTHONHOME',
  'PYTHONPATH',
  'PYTHONSTARTUP',
  'VIRTUAL_ENV',
  'CONDA_PREFIX',
  'PIP_TARGET',
  'PIP_PREFIX',
];

/** Returns the environment in which Python, pip and uv run. */
export function pythonEnvironment(environment: ProcessEnvironment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !HIDDEN.includes(name)) kept[name] = value;
  }
  const index = kept['PIP_INDEX_URL'];
  if (index !== undefined && kept['UV_INDEX_URL'] === undefined && kept['UV_DEFAULT_INDEX'] === undefined) {
    kept['UV_DEFAULT_INDEX'] = index;
  }
  return {
    ...kept,
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
    PYTHONUTF8: '1',
    PIP_USER: '0',
    NO_COLOR: '1',
  };
}

/**
 * Runs `file` to its end and never throws for its failure. An abort stops the whole process group first and then
 * throws the signal's reason: pip and venv start children that would go on writing into `.venv`.
 */
export async function runChild(
  file: string,
  args: readonly string[],
  options: ChildOptions,
): Promise<ChildResult> {
  options.signal.throwIfAborted();
  const { execa } = await import('execa');
  const ownGroup = process.platform !== 'win32';
  const child = execa(file, args, {
    cwd: options.cwd,
    env: pythonEnvironment(options.environment),
    extendEnv: false,
    stdin: 'ignore',
    buffer: false,
    reject: false,
    detached: ownGroup,
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, forceKillAfterDelay: 500 }),
  });
  const kill = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(ownGroup ? -child.pid : child.pid, name);
    } catch {
      // The group has ended already.
    }
  };
  let force: NodeJS.Timeout | undefined;
  const stop = (): void => {
    kill('SIGTERM');
    force = setTimeout(() => kill('SIGKILL'), GRACE_MS);
  };
  const killNow = (): void => kill('SIGKILL');
  options.signal.addEventListener('abort', stop, { once: true });
  process.once('exit', killNow);

  const stdout: string[] = [];
  const tail: string[] = [];
  const note = (line: string): void => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    options.onLine?.(line);
  };
  const read = async (from: 'stdout' | 'stderr'): Promise<void> => {
    for await (const line of child.iterable({ from })) {
      if (from === 'stdout') stdout.push(line);
      note(line);
    }
  };
  try {
    // A stream that is cut off by the child's death rejects; how the child ended is in its result.
    const reading = [read('stdout').catch(() => {}), read('stderr').catch(() => {})];
    // Not among the promises of one `Promise.all`: comparing execa's types takes the type checker seconds.
    const result = await child;
    await Promise.all(reading);
    options.signal.throwIfAborted();
    const missing = result.code === 'ENOENT' || result.code === 'EACCES';
    return { ok: !result.failed, missing, how: howItEnded(result), stdout, tail };
  } finally {
    clearTimeout(force);
    if (options.signal.aborted) killNow();
    options.signal.removeEventListener('abort', stop);
    process.removeListener('exit', killNow);
  }
}

function howItEnded(result: {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly timedOut: boolean;
  readonly code?: string | undefined;
}): string {
  if (result.timedOut) return 'no answer in time';
  if (result.signal !== undefined) return `signal ${result.signal}`;
  if (result.exitCode !== undefined) return `exit code ${result.exitCode}`;
  return result.code ?? 'no start';
}
