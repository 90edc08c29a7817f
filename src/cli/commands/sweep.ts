/** `srwm sweep`: several seeds and settings as one command that can be stopped and given again. */
import path from 'node:path';
import type { SweepRunOptions } from '../../sweeps/index.ts';
import type { Command } from '../command.ts';
import type { Output } from '../output.ts';
import { positive } from '../values.ts';

export const sweep: Command = {
  name: 'sweep',
  summary:
    'Train every combination of runs, settings and seeds; given again, it goes on. One table at the end.',
  arguments: [
    {
      name: '<preset>',
      description: 'a preset, a run file, or a file that default-exports defineSweep(...)',
    },
  ],
  options: [
    { flags: '--seeds <list>', description: 'seeds, as 1-5 or 1,2,7' },
    {
      flags: '--grid <key=a,b>',
      description: 'a config key and its values; given twice, every combination',
      repeatable: true,
    },
    { flags: '--set <key=value>', description: 'change one config key in every run', repeatable: true },
    { flags: '--jobs <n>', description: 'runs at a time (default: as the file says, else 1)' },
    { flags: '--dir <dir>', description: 'holds one run directory a run (default: sweeps/<name>)' },
    { flags: '--skip-types', description: 'do not type-check a .ts file' },
  ],
  examples: [
    'sweep tiny --seeds 1-3',
    'sweep tiny --seeds 1-5 --grid model.core.kind=srwm,feed_forward --jobs 2 --dir sweeps/cores',
    'sweep my-sweep.ts --json',
  ],
  run: async (invocation) => {
    const { arguments: words, list, option, flag, output, cwd, signal } = invocation;
    const given = option('jobs');
    const jobs = given === undefined ? null : positive('--jobs', given);
    const [{ sweepTargetOf }, { runSweep }, { sweepTable }, { prepare }, { RunDirectory }] =
      await Promise.all([
        import('../sweep-target.ts'),
        import('../../sweeps/index.ts'),
        import('../sweep-table.ts'),
        import('../prepare.ts'),
        import('../../train/index.ts'),
      ]);
    const target = await sweepTargetOf(words[0] ?? '', {
      sets: list('set'),
      grid: list('grid'),
      seeds: option('seeds'),
      cwd,
      types: !flag('skip-types'),
    });
    const folder = path.resolve(cwd, option('dir') ?? path.join('sweeps', target.name));
    RunDirectory.requireNew(folder);
    const atOnce = jobs ?? target.jobs ?? 1;
    const greedy = target.planned.find(({ resolved }) => resolved.config.hardware.threads === 'auto');
    if (atOnce > 1 && greedy !== undefined)
      output.note(
        `warning: hardware.threads of "${greedy.name}" is auto: each of ${atOnce} runs at a time takes every core.`,
      );
    const places = await prepare(invocation);
    output.say(`sweep ${folder}: ${target.planned.length} runs, ${atOnce} at a time`);
    const report = await runSweep(target.planned, {
      folder,
      places,
      jobs: atOnce,
      stop: signal,
      ownFile: target.file,
      ...printers(output),
    });
    output.result(report, sweepTable(report));
    if (signal.aborted) {
      output.note('go on with: the same command');
      return 130;
    }
    return report.runs.some(({ status }) => status === 'failed') ? 1 : 0;
  },
};

/** Seconds between two lines about the progress of a run. */
const EVERY_SECONDS = 15;

/** A run's own lines, each behind its name; with --json they go to stderr, and stdout has the table only. */
function printers(output: Output): Pick<SweepRunOptions, 'onEvent' | 'onFailure'> {
  const printed = new Map<string, number>();
  const isDue = (name: string): boolean => {
    const now = performance.now() / 1000;
    if (now - (printed.get(name) ?? -Infinity) < EVERY_SECONDS) return false;
    printed.set(name, now);
    return true;
  };
  return {
    onEvent: ({ name, resolved }, event) => {
      if (event.type === 'run_start')
        output.say(`${name}: ${event.updates > 0 ? `resumed at update ${event.updates}` : 'begun'}`);
      if (event.type === 'warning') output.note(`${name}: warning: ${event.message}`);
      if (event.type === 'update' && isDue(name)) {
        const share = (100 * event.env_steps) / resolved.config.train.totalEnvSteps;
        const mean = event.episode_return?.mean.toFixed(2) ?? 'of no episode yet';
        output.say(`${name}: ${share.toFixed(0)}%, return ${mean}`);
      }
      if (event.type === 'run_end')
        output.say(
          `${name}: ${event.finished ? 'finished' : 'stopped'} after ${event.env_steps.toLocaleString('en')} env steps`,
        );
    },
    onFailure: ({ name }, { code, message, remedy }) =>
      output.note(`${name}: ${code} ${message}\n  ${remedy}`),
  };
}
