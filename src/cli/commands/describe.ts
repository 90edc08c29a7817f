/** `srwm describe`: the resolved config with its sources, the parameters, the graphs. Needs no worker. */
import type { Command } from '../command.ts';

export const describe: Command = {
  name: 'describe',
  summary: 'Show what a preset, a file or a run resolves to: config and sources, parameters, graphs.',
  arguments: [{ name: '<preset>', description: 'a preset, a .ts file or a run directory' }],
  options: [
    { flags: '--set <key=value>', description: 'change one config key', repeatable: true },
    { flags: '--graph', description: 'print the traced graphs as well' },
  ],
  examples: [
    'describe procgen-easy',
    'describe quickstart --set model.core.kind=feed_forward',
    'describe tiny --graph',
  ],
  run: async ({ arguments: words, list, flag, output, cwd }) => {
    const [{ targetOf }, { describeConfig }, { SrwmError }] = await Promise.all([
      import('../program.ts'),
      import('../../runs/index.ts'),
      import('../../../bridge/protocol/errors.ts'),
    ]);
    const target = await targetOf(words[0] ?? '', list('set'), cwd);
    if (target.kind === 'function') {
      throw new SrwmError(
        'CONFIG_FILE',
        `describe: "${target.name}" must export a config, but it exports a function.`,
      );
    }
    const description = describeConfig(target.resolved);
    const { sources, parameters, graphs } = description;
    const lines = [
      ...Object.entries(sources).map(
        ([key, source]) => `${key} = ${JSON.stringify(valueAt(description.config, key))}  (${source})`,
      ),
      '',
      ...parameters.modules.map(
        ({ name, shape, count }) => `${name}  [${shape.join(', ')}]  ${count.toLocaleString('en')}`,
      ),
      `${parameters.total.toLocaleString('en')} parameters`,
      ...(flag('graph')
        ? Object.values(graphs).flatMap((text) => ['', text])
        : [`graphs: ${Object.keys(graphs).join(', ')} (--graph prints them)`]),
    ];
    output.result(description, lines.join('\n'));
    return 0;
  },
};

function valueAt(config: unknown, key: string): unknown {
  return key.split('.').reduce((value: unknown, name) => (value as Record<string, unknown>)[name], config);
}
