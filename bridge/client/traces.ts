/** Where a call was made: an error that arrives by a socket has no stack of its own worth reading. */
import { RemoteError, type SrwmError } from '../protocol/errors.ts';

/** The author's: each costs some tenths of a microsecond in every call, and the first few name the line. */
const FRAMES = 5;
/** Above them: `callerStack` and the function that calls it. */
const OWN_FRAMES = 2;

export interface CallerStack {
  readonly stack?: string;
}

/**
 * The stack above the function that calls this one, as cheaply as it can be had: its text is made only when it is read.
 * An error of its own takes less than `captureStackTrace` into a plain object, which walks the same frames.
 */
export function callerStack(): CallerStack {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = OWN_FRAMES + FRAMES;
  const trace = new Error();
  Error.stackTraceLimit = limit;
  return trace;
}

/** Puts the caller's stack in place of the stack of the socket's reader, and the Python traceback below it. */
export function withTrace(error: SrwmError, trace: CallerStack): SrwmError {
  const frames = (trace.stack ?? '')
    .split('\n')
    .slice(1 + OWN_FRAMES)
    .join('\n');
  const remote = error instanceof RemoteError ? `\n--- Python traceback ---\n${error.remote.traceback}` : '';
  error.stack = `${error.name} [${error.code}]: ${error.message}\n${frames}${remote}`;
  return error;
}
