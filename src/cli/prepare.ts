/** Makes the machine ready before a command starts a worker, and shows how far it is. */
import { ensureSetup, type Setup } from '../setup/index.ts';
import type { Invocation } from './command.ts';
import { lineProgress, listProgress } from './setup-progress.ts';

/**
 * Runs set-up where it is not done yet, with progress for people, and returns where things are.
 *
 * @throws SrwmError SETUP_* (exit code 3); CLI_INTERRUPTED.
 */
export async function prepare(
  invocation: Pick<Invocation, 'output' | 'signal' | 'cwd' | 'environment'>,
  options: { readonly dev: boolean } = { dev: false },
): Promise<Setup> {
  const { output, signal, cwd, environment } = invocation;
  const progress = output.interactive ? listProgress() : lineProgress(output);
  try {
    const ready = await ensureSetup({
      cwd,
      environment,
      dev: options.dev,
      signal,
      onEvent: progress.onEvent,
    });
    await progress.end(null);
    return ready;
  } catch (error) {
    await progress.end(error);
    throw error;
  }
}
