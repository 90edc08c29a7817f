/** `srwm bench`: measures this machine against rivals, pair by pair. */
import { SrwmError } from '../../../bridge/protocol/errors.ts';
import type { Command } from '../command.ts';
import type { Output } from '../output.ts';

export const bench: Command = {
  name: 'bench',
  summary: 'Measure updates, the training loop, the bridge, graphs, environments and kernels against rivals.',
  arguments: [{ name: '[suite...]', description: 'kernels, bridge, graph, env or train (default: all)' }],
  options: [
    {
      flags: '--row <name>',
      description: 'only this row; may be given several times; with --write it replaces its former figure',
      repeatable: true,
    },
    { flags: '--full', description: 'more pairs, and variants' },
    { flags: '--write', description: 'keep the results in bench/results' },
    {
      flags: '--pairs <n>',
      description: 'pairs a row, for a quick look (a figure to report takes at least 9)',
    },
    {
      flags: '--set <key=value>',
      description: 'change one key of the measured config, for a quick look',
      repeatable: true,
    },
  ],
  examples: ['bench', 'bench bridge graph --json', 'bench train --full --write', 'bench --row bridge/grpc'],
  run: async (invocation) => {
    const { arguments: words, option, flag, list, output, signal } = invocation;
    const { easyConfig, resultsFolder, runBench, rowNames, suiteNames, table, writeResults } =
      await import('../../../bench/index.ts');
    const unknown = words.find((word) => !(suiteNames as readonly string[]).includes(word));
    if (unknown !== undefined) {
      throw new SrwmError(
        'CLI_INVALID_VALUE',
        `bench: suite must be one of ${suiteNames.join(', ')}, got "${unknown}".`,
      );
    }
    const chosen = suiteNames.filter((name) => words.length === 0 || words.includes(name));
    const rows = list('row');
    const known = chosen.flatMap(rowNames);
    const strange = rows.find((row) => !known.includes(row));
    if (strange !== undefined) {
      throw new SrwmError(
        'CLI_INVALID_VALUE',
        `--row: must be one of ${known.join(', ')}, got "${strange}".`,
      );
    }
    const pairs = option('pairs');
    if (pairs !== undefined && !/^[1-9]\d*$/.test(pairs)) {
      throw new SrwmError('CLI_INVALID_VALUE', `--pairs: must be a positive integer, got "${pairs}".`);
    }
    if (flag('write') && (pairs !== undefined || list('set').length > 0)) {
      throw new SrwmError(
        'CLI_INVALID_VALUE',
        '--write: a quick look must not be kept, got --pairs or --set beside it.',
      );
    }
    easyConfig('srwm', list('set'));
    const { prepare } = await import('../prepare.ts');
    const places = await prepare(invocation);
    const { report, bySuite, failed, stopped } = await runBench({
      suites: chosen,
      rows,
      places,
      full: flag('full'),
      ...(pairs === undefined ? {} : { pairs: Number(pairs) }),
      assignments: list('set'),
      note: output.note,
      signal,
    });
    const isWhole = rows.length === 0 && !stopped;
    const kept = flag('write') ? keep(() => writeResults(resultsFolder(), bySuite, isWhole), output) : true;
    output.result(report, table(report));
    if (stopped) return 130;
    return failed > 0 || !kept ? 1 : 0;
  },
};

/** False where the rows could not be kept: they are printed all the same. */
function keep(write: () => readonly string[], output: Output): boolean {
  try {
    for (const file of write()) output.note(`wrote ${file}`);
    return true;
  } catch (error) {
    output.note(`--write: ${(error as Error).message}`);
    return false;
  }
}
