/** Ctrl-C: the first asks the command to stop in an orderly way, the second ends the process. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { ExitCode } from './command.ts';
import type { Output } from './output.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs `work` with a signal that Ctrl-C aborts; a command that then fails by stopping exits with 130. */
export async function interruptible(
  output: Output,
  work: (signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    output.note('Stopping; press Ctrl-C again to stop at once.');
    controller.abort(new SrwmError('CLI_INTERRUPTED', 'srwm: stopped by the person.'));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } catch (error) {
    // Whatever broke while stopping, the reason was the person's.
    throw controller.signal.aborted && !isNamed(error) ? (controller.signal.reason as Error) : error;
  } finally {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  }
}

function isNamed(error: unknown): boolean {
  return error instanceof SrwmError && error.code !== 'REQUEST_CANCELLED';
}
