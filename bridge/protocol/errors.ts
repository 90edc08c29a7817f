/** The error class of the whole system: a stable code, a sentence, a mend. */
import { errorCodes, type ErrorCode } from './codes.ts';

/** What an error may carry beside its code and message. */
export interface SrwmErrorOptions {
  /** Replaces the remedy of the code table where the place of the failure knows a better one. */
  readonly remedy?: string;
  /** What a program may want to read: values, names, numbers. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An error with a code of `codes.ts`. `message` is `<who>: <requirement>, got <value>.`; the mend is in `remedy`.
 */
export class SrwmError extends Error {
  override readonly name: string = 'SrwmError';
  readonly code: string;
  readonly remedy: string;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: SrwmErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? errorCodes[code].remedy;
    this.detail = options.detail ?? {};
  }
}

/** What the worker says about a request that failed. */
export interface RemoteFailure {
  /** A code of the table, or of a colleague's own handler. */
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** Hash of the graph and index of the node that failed, where one did. */
  readonly graph: string | null;
  readonly node: number | null;
  /** The Python traceback as text. */
  readonly traceback: string;
  /** True when the worker cannot go on. */
  readonly fatal: boolean;
}

/** A request failed inside the worker; `stack` holds the caller's stack and, below it, the Python traceback. */
export class RemoteError extends SrwmError {
  override readonly name = 'RemoteError';
  override readonly code: string;
  readonly remote: RemoteFailure;

  constructor(remote: RemoteFailure, detail: Readonly<Record<string, unknown>>) {
    super('WORKER_INTERNAL', remote.message, { remedy: remote.remedy, detail });
    this.code = remote.code;
    this.remote = remote;
  }
}

/** How the worker process ended. */
export interface WorkerExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last lines that it wrote to stdout and stderr. */
  readonly logTail: readonly string[];
}

/** The worker is gone: every pending call was rejected and no further call can succeed. */
export class WorkerLost extends SrwmError {
  override readonly name = 'WorkerLost';
  readonly exit: WorkerExit;

  constructor(
    code: 'WORKER_LOST' | 'WORKER_HUNG' | 'WORKER_START',
    message: string,
    exit: WorkerExit,
    options: SrwmErrorOptions = {},
  ) {
    super(code, message, { ...options, detail: { ...options.detail, ...exit } });
    this.exit = exit;
  }
}
