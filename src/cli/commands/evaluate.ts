/** `srwm evaluate`: plays whole episodes with a run's newest checkpoint. */
import type { Command } from '../command.ts';
import { oneOf, positive } from '../values.ts';

export const evaluate: Command = {
  name: 'evaluate',
  summary: 'Evaluate the newest checkpoint of a run: each level once, or as the paper does, with intervals.',
  arguments: [{ name: '<run>', description: 'a run directory' }],
  options: [
    {
      flags: '--protocol <name>',
      description:
        'ledger: each level of a split once, from a fresh state; paper: as the released code tests, 200 greedy episodes a game in a row; episodes: levels as they come (default: as the run says, and episodes where there are no levels)',
    },
    {
      flags: '--split <name>',
      description:
        'train, unseen, test-1, test-2, test-3, or levels like 3000-3199; may be given several times (default: train and unseen; paper: train and the three tests)',
      repeatable: true,
    },
    {
      flags: '--play <way>',
      description: 'sampled or greedy; may be given twice (default: as the run says; paper: greedy)',
      repeatable: true,
    },
    {
      flags: '--episodes <n>',
      description: 'episodes a game and split; with the ledger its first levels (default: all of them)',
    },
    {
      flags: '--state <how>',
      description:
        'carry the core state through an episode, or unroll: start it anew after each train.unrollLength steps',
    },
    { flags: '--envs <n>', description: 'slots that play at once (default: as the run says)' },
    { flags: '--baselines', description: 'also the random policy and the best one that never looks' },
  ],
  examples: [
    'evaluate runs/mine',
    'evaluate runs/mine --protocol paper',
    'evaluate runs/mine --split unseen --split 3000-3499 --play greedy --json',
  ],
  run: async (invocation) => {
    const { arguments: words, list, option, flag, output, signal } = invocation;
    const folder = words[0] ?? '';
    const [
      { evaluateRun, ownPartsOf, planOf },
      { readRecord, requireCheckpoint },
      { prepare },
      { evaluationTable },
      { PROTOCOLS, STATES },
    ] = await Promise.all([
      import('../../runs/index.ts'),
      import('../../train/index.ts'),
      import('../prepare.ts'),
      import('../evaluation-table.ts'),
      import('../../evaluate/index.ts'),
    ]);
    const record = readRecord(folder);
    requireCheckpoint(folder, output.note);
    const one = (name: string): string[] => [option(name)].filter((word) => word !== undefined);
    const number = (name: string): number | undefined => {
      const text = option(name);
      return text === undefined ? undefined : positive(`--${name}`, text);
    };
    const play = oneOf('--play', list('play'), ['sampled', 'greedy'] as const);
    const request = {
      protocol: oneOf('--protocol', one('protocol'), PROTOCOLS)[0],
      // Which names there are is the plan's to say, with the ranges that may stand in their place.
      splits: list('split').length === 0 ? undefined : (list('split') as readonly 'train'[]),
      play: play.length === 0 ? undefined : play,
      episodes: number('episodes'),
      state: oneOf('--state', one('state'), STATES)[0],
      numEnvs: number('envs'),
    };
    const own = await ownPartsOf(folder, record);
    const planned = planOf(record.config, request, own).warnings;
    for (const warning of planned) output.note(`warning: ${warning}.`);
    const places = await prepare(invocation);
    const report = await evaluateRun({
      ...request,
      folder,
      places,
      own,
      baselines: flag('baselines'),
      signal,
    });
    for (const fault of report.warnings.slice(planned.length)) output.note(`warning: ${fault}`);
    output.result(report, `${evaluationTable(report)}\nevery episode: ${report.file}`);
    return 0;
  },
};
