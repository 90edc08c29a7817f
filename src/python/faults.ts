/** Every way in which a call into a colleague's Python fails, one function each. */
import { SrwmError } from '../../bridge/protocol/errors.ts';

/** What facade.py says about an exception. */
export interface Raised {
  readonly type: string;
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly function: string | null;
  readonly traceback: string;
}

/** What facade.py says about a request or a result that it does not take. */
export interface Refused {
  readonly code: 'PYTHON_FUNCTION' | 'PYTHON_VALUE' | 'PYTHON_SIZE';
  readonly message: string;
}

export function raised(call: string, importing: boolean, error: Raised): SrwmError {
  const { type, message, file, line } = error;
  const words = message === '' ? type : `${type}: ${message}`;
  const place = file === null ? '' : `\n    at ${file}${line === null ? '' : `:${line}`}`;
  const missing = /^No module named '([^'.]*)/.exec(message)?.[1];
  return new SrwmError(
    importing ? 'PYTHON_IMPORT' : 'PYTHON_EXCEPTION',
    `python: ${call} must ${importing ? 'load' : 'return'}, got ${words}${place}`,
    {
      detail: { ...error },
      ...(type === 'ModuleNotFoundError' && missing !== undefined
        ? { remedy: `Install it beside your package.json: .venv/bin/python -m uv pip install ${missing}` }
        : {}),
    },
  );
}

export function refused(call: string, refusal: Refused): SrwmError {
  return new SrwmError(refusal.code, `python: ${call}: ${refusal.message}.`);
}

/** `how`: what ended the interpreter. */
export function lost(call: string, how: string): SrwmError {
  return new SrwmError('PYTHON_LOST', `python: the interpreter must live through ${call}, got ${how}.`);
}

export function late(call: string, timeoutMs: number): SrwmError {
  return new SrwmError(
    'PYTHON_TIMEOUT',
    `python: ${call} must end within ${timeoutMs} ms, got no answer; its interpreter was ended.`,
  );
}

export function closed(call: string): SrwmError {
  return new SrwmError(
    'PYTHON_CLOSED',
    `python: ${call} must have an open interpreter, got one that was closed.`,
  );
}

/** What an aborted call rejects with: the caller's own reason, or REQUEST_CANCELLED when it gave none. */
export function aborted(call: string, signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  const isDefault = reason instanceof DOMException && reason.name === 'AbortError';
  return isDefault
    ? new SrwmError('REQUEST_CANCELLED', `python: ${call} was aborted by its caller.`)
    : reason;
}

export function notStarted(reason: string, cause?: unknown): SrwmError {
  return new SrwmError('PYTHON_START', `python: an interpreter must start, got ${reason}.`, { cause });
}

export function noFile(asked: string, looked: string): SrwmError {
  return new SrwmError('PYTHON_FILE', `python: "${asked}" must be a Python file, got nothing at ${looked}.`);
}
