/** `srwm describe`: the resolved config with its sources, the parameters, the graphs. Needs no worker, unless only the environment knows what it shows. */
import path from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import type { Graph } from '../../graph/index.ts';
import type { Command } from '../command.ts';
import type { Output } from '../output.ts';

export const describe: Command = {
  name: 'describe',
  summary: 'Show what a preset, a file or a run resolves to: config and sources, parameters, graphs.',
  arguments: [{ name: '<preset>', description: 'a preset, a .ts file or a run directory' }],
  options: [
    { flags: '--set <key=value>', description: 'change one config key', repeatable: true },
    { flags: '--skip-types', description: 'do not type-check a .ts file' },
    { flags: '--graph', description: 'print the traced graphs, each node with the line that made it' },
    { flags: '--against <other>', description: 'print how the graphs of another preset, file or run differ' },
    { flags: '--svg <file>', description: 'draw the learning graph into a file' },
  ],
  examples: [
    'describe procgen-easy',
    'describe quickstart --set model.core.kind=feed_forward',
    'describe tiny --graph',
    'describe tiny --against quickstart',
    'describe procgen-easy --svg model.svg',
  ],
  run: async (invocation) => {
    const { arguments: words, list, flag, option, output, cwd, signal } = invocation;
    const [
      { askSpaces, declaredIn, describeConfig, graphsOf, MODULE_DEPTH },
      { listGraph, moduleTable },
      { ownNames },
      { configTargetOf },
      { prepare },
    ] = await Promise.all([
      import('../../runs/index.ts'),
      import('../../inspect/index.ts'),
      import('../../train/index.ts'),
      import('../program.ts'),
      import('../prepare.ts'),
    ]);
    const spacesOf = ({ config }: ResolvedConfig) => askSpaces(config, () => prepare(invocation), signal);
    const types = !flag('skip-types');
    const target = await configTargetOf('describe', words[0] ?? '', { sets: list('set'), cwd, types });
    const spaces = await spacesOf(target.resolved);
    const traced = graphsOf(target.resolved, target.own, spaces);
    const [other, file] = [option('against'), option('svg')];
    if (file !== undefined) await draw(traced, path.resolve(cwd, file), output);
    if (other !== undefined) {
      const { resolved, own } = await configTargetOf('describe', other, { sets: [], cwd, types });
      const differences = await differencesOf(traced, graphsOf(resolved, own, await spacesOf(resolved)));
      output.result(differences, textOf(differences));
      return 0;
    }
    const description = describeConfig(target.resolved, target.own, spaces);
    const { sources, parameters, graphs } = description;
    const names = ownNames(target.own);
    const own = names.length === 0 ? [] : [`own parts: ${names.join(', ')}  (${target.name})`];
    const lines = [
      ...Object.entries(sources).map(
        ([key, source]) => `${key} = ${JSON.stringify(valueAt(description.config, key))}  (${source})`,
      ),
      ...own,
      '',
      ...parameters.modules.map(
        ({ name, shape, count }) => `${name}  [${shape.join(', ')}]  ${count.toLocaleString('en')}`,
      ),
      `${parameters.total.toLocaleString('en')} parameters`,
      ...traced.flatMap((graph) => [
        '',
        `${graph.name}, forward:`,
        moduleTable(graph.spec, MODULE_DEPTH, declaredIn(graph)),
      ]),
      '',
      ...(flag('graph')
        ? traced.flatMap(({ spec }) => ['', listGraph(spec)])
        : [`graphs: ${Object.keys(graphs).join(', ')} (--graph prints them)`]),
    ];
    output.result(description, lines.join('\n'));
    return 0;
  },
};

/** The learning graph is the one with a loss; it comes second. */
async function draw(graphs: readonly Graph[], file: string, output: Output): Promise<void> {
  const [{ drawGraph }, { writeFileSync }, { SrwmError }] = await Promise.all([
    import('../../inspect/index.ts'),
    import('node:fs'),
    import('../../../bridge/protocol/errors.ts'),
  ]);
  const graph = (graphs[1] ?? graphs[0]) as Graph;
  try {
    writeFileSync(file, drawGraph(graph.spec));
  } catch (cause) {
    throw new SrwmError(
      'CLI_INVALID_VALUE',
      `describe: --svg must be a file that can be written, got "${file}".`,
      {
        cause,
      },
    );
  }
  output.note(`Drew graph ${graph.name} into ${file}.`);
}

type Differences = Readonly<Record<string, string>>;

/** By graph name; '' where nothing differs. */
async function differencesOf(ours: readonly Graph[], theirs: readonly Graph[]): Promise<Differences> {
  const { diffGraphs } = await import('../../inspect/index.ts');
  const names = [...new Set([...theirs, ...ours].map(({ name }) => name))];
  return Object.fromEntries(
    names.map((name) => {
      const [before, after] = [theirs, ours].map((graphs) => graphs.find((graph) => graph.name === name));
      if (before === undefined) return [name, '+ the whole graph'];
      if (after === undefined) return [name, '- the whole graph'];
      return [name, diffGraphs(before.spec, after.spec)];
    }),
  );
}

function textOf(differences: Differences): string {
  return Object.entries(differences)
    .map(([name, text]) => (text === '' ? `graph ${name}: the same` : text))
    .join('\n');
}

function valueAt(config: unknown, key: string): unknown {
  return key.split('.').reduce((value: unknown, name) => (value as Record<string, unknown>)[name], config);
}
