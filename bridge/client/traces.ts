/** Where a call was made: an error that arrives by a socket has no stack of its own worth reading. */
import { RemoteError, type SrwmError } from '../protocol/errors.ts';

/** Each costs about a microsecond in every call, and the first few name the author's line. */
const FRAMES = 5;

export interface CallerStack {
  readonly stack?: string;
}

/** The stack above `callee`, as cheaply as it can be had: its text is made only when it is read. */
export function callerStack(callee: (...args: never[]) => unknown): CallerStack {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, callee);
  Error.stackTraceLimit = limit;
  return trace;
}

/** Puts the caller's stack in place of the stack of the socket's reader, and the Python traceback below it. */
export function withTrace(error: SrwmError, trace: CallerStack): SrwmError {
  const frames = (trace.stack ?? '').split('\n').slice(1).join('\n');
  const remote = error instanceof RemoteError ? `\n--- Python traceback ---\n${error.remote.traceback}` : '';
  error.stack = `${error.name} [${error.code}]: ${error.message}\n${frames}${remote}`;
  return error;
}
