/** `srwm presets`: the list of named configurations. */
import type { Command } from '../command.ts';

export const presets: Command = {
  name: 'presets',
  summary: 'List the presets.',
  arguments: [],
  options: [],
  examples: ['presets', 'presets --json'],
  run: async ({ output }) => {
    const { presetList, presetRows } = await import('../../config/index.ts');
    const rows = presetList.map(({ name, kind, summary }) => ({ name, kind, summary }));
    const listed = presetRows();
    const width = Math.max(...listed.map(({ name }) => name.length));
    output.result(
      rows,
      listed
        .map(({ name, kind, summary }) => `${name.padEnd(width)}  ${kind.padEnd(6)}  ${summary}`)
        .join('\n'),
    );
    return 0;
  },
};
