/** `srwm compare`: runs beside each other, by their evaluations. */
import type { Command } from '../command.ts';
import { oneOf } from '../values.ts';

export const compare: Command = {
  name: 'compare',
  summary:
    'Compare runs by their evaluations: levels paired, seeds grouped, intervals, and what is significant.',
  arguments: [
    { name: '<run...>', description: 'run directories; those that differ by their seed only are one group' },
  ],
  options: [
    {
      flags: '--split <name>',
      description:
        'a split as evaluated (train, unseen, test-1, 3000-3499, ...); may be given several times (default: all in common)',
      repeatable: true,
    },
    { flags: '--play <way>', description: 'sampled or greedy (default: both, where both were played)' },
    {
      flags: '--protocol <name>',
      description: 'of the evaluations: ledger, paper or episodes (default: ledger)',
    },
    { flags: '--state <how>', description: 'of the evaluations: carry or unroll (default: carry)' },
    {
      flags: '--normalization <set>',
      description: 'cobbe_code or cobbe_paper (default: as the first run says)',
    },
  ],
  examples: [
    'compare runs/srwm runs/lstm',
    'compare runs/srwm-* runs/lstm-* --split unseen --play greedy',
    'compare runs/srwm runs/lstm --json',
  ],
  run: async (invocation) => {
    const { arguments: runs, list, option, output, signal } = invocation;
    const [{ compareWith, planComparison }, { prepare }, { compareTable }, { PROTOCOLS, STATES }] =
      await Promise.all([
        import('../../compare/index.ts'),
        import('../prepare.ts'),
        import('../compare-table.ts'),
        import('../../evaluate/index.ts'),
      ]);
    const one = <T extends string>(name: string, allowed: readonly T[]): T | undefined =>
      oneOf(
        `--${name}`,
        [option(name)].filter((word) => word !== undefined),
        allowed,
      )[0];
    const [protocol, state] = [one('protocol', PROTOCOLS), one('state', STATES)];
    const normalization = one('normalization', ['cobbe_code', 'cobbe_paper'] as const);
    const play = one('play', ['sampled', 'greedy'] as const);
    const planned = planComparison(runs, {
      splits: list('split'),
      ...(play === undefined ? {} : { play }),
      ...(protocol === undefined ? {} : { protocol }),
      ...(state === undefined ? {} : { state }),
      ...(normalization === undefined ? {} : { normalization }),
    });
    const report = await compareWith(await prepare(invocation), planned, signal);
    output.result(report, compareTable(report));
    return 0;
  },
};
