/** `srwm train`: a new run. */
import type { Command } from '../command.ts';
import type { Output } from '../output.ts';
import { runPrinter } from '../run-progress.ts';
import type { RunEvent } from '../../train/index.ts';

export const train: Command = {
  name: 'train',
  summary: 'Train a preset or a .ts file in a new run directory. Ctrl-C stops with a checkpoint.',
  arguments: [{ name: '<preset>', description: 'a preset or a .ts file' }],
  options: [
    { flags: '--set <key=value>', description: 'change one config key', repeatable: true },
    { flags: '--skip-types', description: 'do not type-check a .ts file' },
    { flags: '--run <dir>', description: 'the run directory (default: runs/<preset>-<time>)' },
  ],
  examples: ['train quickstart', 'train tiny --set seed=3 --run runs/tiny-3', 'train my-run.ts --json'],
  run: async (invocation) => {
    const { arguments: words, list, option, flag, output, cwd, signal } = invocation;
    const [{ targetOf }, { default: path }] = await Promise.all([
      import('../program.ts'),
      import('node:path'),
    ]);
    const target = await targetOf(words[0] ?? '', { sets: list('set'), cwd, types: !flag('skip-types') });
    if (target.kind === 'function') {
      for await (const update of target.run(signal)) {
        output.record(update);
        if (!output.json) output.say(JSON.stringify(update));
      }
      return signal.aborted ? 130 : 0;
    }
    const stem = path.basename(target.name).replace(/\.\w+$/, '');
    const [{ newRunFolder, startRun }, { RunDirectory }, { prepare }] = await Promise.all([
      import('../../runs/index.ts'),
      import('../../train/index.ts'),
      import('../prepare.ts'),
    ]);
    const folder = option('run') ?? newRunFolder(stem);
    RunDirectory.requireNew(folder);
    const places = await prepare(invocation);
    const { own, file: ownFile } = target;
    const events = startRun(target.resolved, target.name, { folder, places, stop: signal, own, ownFile });
    return follow(events, output, target.resolved.config.train.totalEnvSteps);
  },
};

/** Prints every event; 0 when the run finished, 130 when the person stopped it. */
export async function follow(
  events: AsyncIterable<RunEvent>,
  output: Output,
  totalEnvSteps: number,
): Promise<0 | 130> {
  let total = totalEnvSteps;
  const print = runPrinter(output, () => total);
  let finished = true;
  for await (const event of events) {
    if (event.type === 'run_start') total = event.total_env_steps;
    if (event.type === 'run_end') finished = event.finished;
    print(event);
  }
  return finished ? 0 : 130;
}
