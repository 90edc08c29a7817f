/** Prints every failure, in one form, and chooses the exit code. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { ExitCode } from './command.ts';
import type { Output } from './output.ts';

/** Exit codes by the family of the error code; all others are 1, a failed run. */
const exitCodes: Readonly<Record<string, ExitCode>> = {
  CLI: 2,
  USAGE: 2,
  CONFIG: 2,
  SWEEP: 2,
  EVALUATE: 2,
  RECORD: 2,
  COMPARE: 2,
  SETUP: 3,
};
const exceptions: Readonly<Record<string, ExitCode>> = {
  CLI_INTERRUPTED: 130,
  CLI_INTERNAL: 1,
  RECORD_WRITE: 1,
};

/** Returns the exit code that belongs to an error code. */
export function exitCodeOf(code: string): ExitCode {
  return exceptions[code] ?? exitCodes[code.split('_')[0] ?? ''] ?? 1;
}

/** What a JSON consumer sees of a failure. */
export interface ErrorRecord {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** Returns the record of any thrown value; one without a code of ours is a fault inside srwm. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (error instanceof SrwmError) {
    return { type: 'error', code: error.code, message: error.message, remedy: error.remedy };
  }
  const internal = new SrwmError(
    'CLI_INTERNAL',
    `internal: ${error instanceof Error ? error.message : String(error)}`,
  );
  return { type: 'error', code: internal.code, message: internal.message, remedy: internal.remedy };
}

/** Prints `error` and returns the exit code; the stack only with --debug. */
export function printError(error: unknown, output: Output): ExitCode {
  const record = toErrorRecord(error);
  output.record(record);
  const { style } = output;
  output.note(`${style.red(style.bold(record.code))}  ${record.message}`);
  if (record.remedy !== '') output.note(`  ${record.remedy}`);
  if (output.debug) for (const text of stacksOf(error)) output.note(style.dim(text));
  return exitCodeOf(record.code);
}

function stacksOf(error: unknown): string[] {
  const stacks: string[] = [];
  for (let one = error; one instanceof Error && stacks.length < 5; one = one.cause) {
    stacks.push(`${stacks.length > 0 ? 'caused by ' : ''}${one.stack ?? String(one)}`);
  }
  return stacks;
}
