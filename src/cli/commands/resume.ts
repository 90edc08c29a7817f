/** `srwm resume`: goes on with a run from its newest checkpoint, bit for bit. */
import type { Command } from '../command.ts';

export const resume: Command = {
  name: 'resume',
  summary: 'Go on with a run from its newest whole checkpoint; of a finished run print the end again.',
  arguments: [{ name: '<run>', description: 'a run directory' }],
  options: [],
  examples: ['resume runs/quickstart-2026-01-01-120000'],
  run: async (invocation) => {
    const folder = invocation.arguments[0] ?? '';
    const [{ resumeRun }, { readEnd, readRecord, RunDirectory }, { prepare }, { follow }] = await Promise.all(
      [
        import('../../runs/index.ts'),
        import('../../train/index.ts'),
        import('../prepare.ts'),
        import('./train.ts'),
      ],
    );
    const { config } = readRecord(folder);
    const finished = readEnd(folder)?.finished === true;
    RunDirectory.requireFree(folder);
    // A finished run needs no worker, and so no set-up.
    const places = finished
      ? { python: '', pythonPath: '', environment: {}, procgenLibrary: null, project: '' }
      : await prepare(invocation);
    return follow(
      resumeRun({ folder, places, stop: invocation.signal }),
      invocation.output,
      config.train.totalEnvSteps,
    );
  },
};
