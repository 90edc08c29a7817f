/** `srwm profile`: where the time of one update goes, by the author's lines. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../../bridge/protocol/errors.ts';
import type { Command } from '../command.ts';
import { positive } from '../values.ts';

const TOP = 20;
const WARM_UP = 2;
const UNROLLS = 4;

export const profile: Command = {
  name: 'profile',
  summary: 'Show which lines of TypeScript the time of one update goes to; writes no run.',
  arguments: [{ name: '<preset>', description: 'a preset, a .ts file or a run directory' }],
  options: [
    { flags: '--set <key=value>', description: 'change one config key', repeatable: true },
    { flags: '--skip-types', description: 'do not type-check a .ts file' },
    {
      flags: '--unrolls <n>',
      description: `unrolls to measure, with all their updates (default: ${UNROLLS}; more where columns would wait)`,
    },
    { flags: '--warm-up <n>', description: `unrolls before that (default: ${WARM_UP})` },
    { flags: '--top <n>', description: `lines to print (default: ${TOP}; --json gives all)` },
    { flags: '--trace <file>', description: 'write a trace for chrome://tracing or Perfetto' },
  ],
  examples: [
    'profile quickstart',
    'profile my-run.ts --trace trace.json',
    'profile tiny --unrolls 10 --json',
  ],
  run: async (invocation) => {
    const { arguments: words, list, flag, option, output, cwd, signal } = invocation;
    const number = (name: string, usual: number): number =>
      positive(`--${name}`, option(name) ?? String(usual));
    const [unrolls, warmUp, top] = [
      number('unrolls', UNROLLS),
      number('warm-up', WARM_UP),
      number('top', TOP),
    ];
    const file = option('trace');
    const trace = file === undefined ? null : path.resolve(cwd, file);
    if (trace !== null) requireWritable(trace);
    const [{ configTargetOf }, { profileConfig }, { prepare }, { profileTable }] = await Promise.all([
      import('../program.ts'),
      import('../../runs/index.ts'),
      import('../prepare.ts'),
      import('../profile-table.ts'),
    ]);
    const types = !flag('skip-types');
    const { name, resolved, own } = await configTargetOf('profile', words[0] ?? '', {
      sets: list('set'),
      cwd,
      types,
    });
    const places = await prepare(invocation);
    const report = await profileConfig(resolved, { places, own, warmUp, unrolls, trace, signal });
    output.result({ name, ...report }, profileTable(name, report, top));
    if (file !== undefined) output.note(`Wrote the trace into ${file}.`);
    return 0;
  },
};

/** Before anything slow begins. */
function requireWritable(file: string): void {
  try {
    accessSync(existsSync(file) ? file : path.dirname(file), constants.W_OK);
    if (existsSync(file) && !statSync(file).isFile()) throw new Error('it is no file');
  } catch (cause) {
    throw new SrwmError(
      'CLI_INVALID_VALUE',
      `profile: --trace must be a file that can be written, got "${file}".`,
      { cause },
    );
  }
}
