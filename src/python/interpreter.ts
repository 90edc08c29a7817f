/** The one interpreter of a script: calls in turn, each with a deadline; its end rejects whatever waits. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageFolder, type Setup } from '../setup/index.ts';
import { aborted, closed, late, lost, notStarted } from './faults.ts';
import { startPythonia, type Facade, type PythoniaProcess } from './pythonia.ts';
import { LIMITS } from './values.ts';

/** How long one call may take, and what ends it early. */
export interface CallLimits {
  /** Counted from when the call's turn comes; null waits for ever. */
  readonly timeoutMs: number | null;
  readonly signal?: AbortSignal | undefined;
}

interface Job {
  /** `summary of analysis.py`, for messages. */
  readonly call: string;
  readonly limits: CallLimits;
  readonly work: () => Promise<string>;
  readonly resolve: (text: string) => void;
  readonly reject: (error: unknown) => void;
}

/** Importing numpy takes long on a cold, busy machine. */
const START_MS = 120_000;
const STOP_GRACE_MS = 2_000;

export class Interpreter {
  readonly #process: PythoniaProcess;
  readonly #onOver: () => void;
  readonly #exited: Promise<void>;
  readonly #waiting: Job[] = [];
  readonly #killAtExit = (): void => this.#kill();
  readonly #closeAtEnd = (): void => void this.close();
  #facade: Facade | null = null;
  #running: Job | null = null;
  #deadline: NodeJS.Timeout | undefined;
  /** Makes the error of a call that can no longer be answered. */
  #over: ((call: string) => unknown) | null = null;
  #leadsGroup = false;
  #holders = 0;

  private constructor(started: PythoniaProcess, onOver: () => void) {
    this.#process = started;
    this.#onOver = onOver;
    const { child } = started;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) => {
        this.#finish((call) => lost(call, signal === null ? `exit code ${exitCode}` : `signal ${signal}`));
        this.#letGo();
        resolve();
      });
      // Without a process there will be no exit; a channel that breaks is followed by one.
      child.on('error', (error) => {
        if (child.pid !== undefined) return;
        this.#finish(() => notStarted(error.message, error));
        this.#letGo();
        resolve();
      });
    });
    process.once('exit', this.#killAtExit);
    process.once('beforeExit', this.#closeAtEnd);
  }

  /**
   * Starts the Python of `setup`; `onOver` is called once, when no further call can succeed.
   *
   * @throws SrwmError PYTHON_START, PYTHON_TIMEOUT, PYTHON_LOST
   */
  static async start(setup: Setup, onOver: () => void): Promise<Interpreter> {
    if (process.platform === 'win32') throw notStarted('Windows, where pythonia has no channel of its own');
    const started = startPythonia(environmentOf(setup));
    const interpreter = new Interpreter(started, onOver);
    const settings = { parent: process.pid, limits: LIMITS, pythonia: started.folder };
    await interpreter.#turn('the start of Python', { timeoutMs: START_MS }, async () => {
      interpreter.#facade = await started.load(path.join(packageFolder(), 'src', 'python', 'facade.py'));
      return await interpreter.#facade.settle(JSON.stringify(settings));
    });
    interpreter.#leadsGroup = true;
    return interpreter;
  }

  /**
   * Sends one request when its turn comes.
   *
   * @throws SrwmError PYTHON_TIMEOUT, PYTHON_LOST, PYTHON_CLOSED, REQUEST_CANCELLED; the signal's own reason
   */
  call(call: string, text: string, limits: CallLimits): Promise<string> {
    return this.#turn(call, limits, () => (this.#facade as Facade).answer(text));
  }

  /** Counts one more who needs it open; the last one to release it closes it. */
  retain(): void {
    this.#holders += 1;
  }

  async release(): Promise<void> {
    this.#holders -= 1;
    if (this.#holders === 0) await this.close();
  }

  /** Ends Python, by force if it is busy or slow, with everything that it started. Rejects whatever waits. */
  async close(): Promise<void> {
    const busy = this.#running !== null;
    this.#finish(closed);
    const { child } = this.#process;
    child.ref();
    // The end of the channel lets an idle interpreter run its atexit functions.
    if (child.connected) child.disconnect();
    const timer = new AbortController();
    const late = sleep(busy ? 0 : STOP_GRACE_MS, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.#exited, late]);
    timer.abort();
    this.#kill();
    await this.#exited;
  }

  #turn(call: string, limits: CallLimits, work: () => Promise<string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const { signal } = limits;
      if (signal?.aborted) return reject(aborted(call, signal));
      if (this.#over !== null) return reject(this.#over(call));
      const onAbort = (): void => this.#abort(job);
      signal?.addEventListener('abort', onAbort, { once: true });
      const job: Job = {
        call,
        limits,
        work,
        resolve: (text) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(text);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      this.#waiting.push(job);
      if (this.#running === null) this.#next();
    });
  }

  #next(): void {
    const job = this.#waiting.shift() ?? null;
    this.#running = job;
    this.#keepNodeAlive(job !== null);
    if (job === null) return;
    const { timeoutMs } = job.limits;
    if (timeoutMs !== null) {
      this.#deadline = setTimeout(() => this.#giveUp(job, late(job.call, timeoutMs)), timeoutMs);
    }
    const settle = (answer: () => void): void => {
      if (this.#running !== job) return;
      clearTimeout(this.#deadline);
      answer();
      this.#next();
    };
    job.work().then(
      (text) => settle(() => job.resolve(text)),
      // facade.py never raises: this is pythonia itself that failed.
      (error: unknown) => settle(() => job.reject(notStarted('a failure of pythonia', error))),
    );
  }

  #abort(job: Job): void {
    const error = aborted(job.call, job.limits.signal as AbortSignal);
    if (job === this.#running) return this.#giveUp(job, error);
    this.#waiting.splice(this.#waiting.indexOf(job), 1);
    job.reject(error);
  }

  /** Python cannot be stopped within a call: its process goes, and with it all that it held. */
  #giveUp(job: Job, error: unknown): void {
    job.reject(error);
    this.#running = null;
    this.#finish((call) => lost(call, `its end, when ${job.call} was given up`));
    this.#kill();
  }

  #finish(over: (call: string) => unknown): void {
    if (this.#over !== null) return;
    this.#over = over;
    clearTimeout(this.#deadline);
    const pending = [...(this.#running === null ? [] : [this.#running]), ...this.#waiting.splice(0)];
    this.#running = null;
    for (const job of pending) job.reject(over(job.call));
    this.#onOver();
  }

  #letGo(): void {
    this.#kill();
    process.off('exit', this.#killAtExit);
    process.off('beforeExit', this.#closeAtEnd);
    this.#process.forget();
  }

  #kill(): void {
    const { child } = this.#process;
    child.kill('SIGKILL');
    if (!this.#leadsGroup || child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // All of the group have ended already.
    }
  }

  /** Only a call in progress keeps a script from ending. */
  #keepNodeAlive(busy: boolean): void {
    const { child } = this.#process;
    const change = busy ? 'ref' : 'unref';
    child[change]();
    child.channel?.[change]();
  }
}

function environmentOf(setup: Setup): Record<string, string | undefined> {
  return {
    ...setup.environment,
    PYTHON_BIN: setup.python,
    PYTHONPATH: setup.pythonPath,
    PYTHONUNBUFFERED: '1',
    PYTHONUTF8: '1',
    PYTHONNOUSERSITE: '1',
    // Of the person's own shell; pythonia starts Python by a path that the last of them forbids.
    PYTHONHOME: undefined,
    PYTHONINSPECT: undefined,
    PYTHONSAFEPATH: undefined,
    OMP_WAIT_POLICY: 'PASSIVE',
    // No window: figures are files here.
    MPLBACKEND: process.env['MPLBACKEND'] ?? 'Agg',
    // pythonia's own time-out would leave the process; its debug lines go to stdout.
    REQ_TIMEOUT: '0',
    DEBUG: undefined,
  };
}
