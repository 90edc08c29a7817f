/** The worker as a process: started, listened to, ended. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerExit } from '../protocol/errors.ts';
import { workerNotFound } from './failures.ts';
import { LogTail } from './log-tail.ts';
import { workerEnvironment, type WorkerOptions } from './options.ts';

/** The last lines still travel through the pipe when the process is gone; its death is reported within 100 ms all the same. */
const DRAIN_MS = 40;

/** A worker leads a process group of its own, so that Ctrl-C is the driver's decision and its hosts end with it. */
const HAS_GROUPS = process.platform !== 'win32';

export class WorkerProcess {
  readonly pid: number;
  /** How it ended, with the last lines of its log. */
  readonly exited: Promise<WorkerExit>;
  readonly #log: LogTail;
  readonly #killAtExit = () => this.signal('SIGKILL');

  private constructor(pid: number, exit: Promise<Pick<WorkerExit, 'exitCode' | 'signal'>>, log: LogTail) {
    this.pid = pid;
    this.#log = log;
    process.once('exit', this.#killAtExit);
    this.exited = exit.then((status) => ({ ...status, logTail: log.lines }));
  }

  /** Starts `python -m srwm.worker`. Throws WORKER_START when there is nothing to start. */
  static async spawn(
    options: WorkerOptions,
    secrets: Readonly<Record<string, string>>,
  ): Promise<WorkerProcess> {
    const { execa } = await import('execa');
    const log = new LogTail(options.logFile, options.onLog);
    const subprocess = execa(options.python, ['-m', 'srwm.worker'], {
      // The worker sees its driver die by the end of this pipe.
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      buffer: false,
      reject: false,
      cleanup: false,
      detached: HAS_GROUPS,
      windowsHide: true,
      env: workerEnvironment(options, secrets),
    });
    if (subprocess.pid === undefined) {
      const result = await subprocess;
      await log.close();
      throw workerNotFound(options.python, result.cause ?? result, {
        exitCode: null,
        signal: null,
        logTail: [],
      });
    }
    // A worker that dies while something is written to it must not raise EPIPE here.
    subprocess.stdin.on('error', () => undefined);
    const drained = Promise.all([drain(subprocess.stdout, log), drain(subprocess.stderr, log)]);
    const exit = new Promise<Pick<WorkerExit, 'exitCode' | 'signal'>>((resolve) => {
      subprocess.once('exit', (exitCode, signal) => {
        void Promise.race([drained, sleep(DRAIN_MS)]).then(() => resolve({ exitCode, signal }));
      });
    });
    return new WorkerProcess(subprocess.pid, exit, log);
  }

  /** The last lines of the log while the process is alive. */
  get soFar(): WorkerExit {
    return { exitCode: null, signal: null, logTail: this.#log.lines };
  }

  /** Adds a line of the driver's own to the log. */
  note(line: string): void {
    this.#log.add(line);
  }

  /** Signals the worker and every process that it started. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    try {
      process.kill(HAS_GROUPS ? -this.pid : this.pid, name);
    } catch (error) {
      // ESRCH: all of them are gone already, which is what was wanted.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Waits up to `graceMs` for the end; true when it came. */
  async endsWithin(graceMs: number): Promise<boolean> {
    const timer = new AbortController();
    const late = sleep(graceMs, false, { signal: timer.signal }).catch(() => false);
    const ended = await Promise.race([this.exited.then(() => true), late]);
    timer.abort();
    return ended;
  }

  /** Ends the process by force if it still lives, with everything it started, and gives back what it held here. */
  async destroy(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
    process.off('exit', this.#killAtExit);
    await this.#log.close();
  }
}

/** Resolves when the stream has ended; every line of it is in the log by then. */
function drain(stream: Readable, log: LogTail): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on('line', (line) => log.add(line));
  return new Promise((resolve) => lines.once('close', resolve));
}
