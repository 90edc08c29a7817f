/** `srwm evaluate`: plays whole episodes with a run's newest checkpoint. */
import type { Command } from '../command.ts';
import { oneOf, positive } from '../values.ts';

export const evaluate: Command = {
  name: 'evaluate',
  summary: 'Evaluate the newest checkpoint of a run on training and unseen levels, with intervals.',
  arguments: [{ name: '<run>', description: 'a run directory' }],
  options: [
    {
      flags: '--split <name>',
      description: 'train or unseen; may be given twice (default: both)',
      repeatable: true,
    },
    {
      flags: '--play <way>',
      description: 'sampled or greedy; may be given twice (default: as the run says)',
      repeatable: true,
    },
    { flags: '--episodes <n>', description: 'episodes a game and split (default: as the run says)' },
    { flags: '--baselines', description: 'also the random policy and the best one that never looks' },
  ],
  examples: ['evaluate runs/mine', 'evaluate runs/mine --split unseen --play greedy --episodes 500 --json'],
  run: async (invocation) => {
    const { arguments: words, list, option, flag, output, signal } = invocation;
    const folder = words[0] ?? '';
    const [{ evaluateRun }, { readRecord, requireCheckpoint }, { prepare }, { evaluationTable }, { SPLITS }] =
      await Promise.all([
        import('../../runs/index.ts'),
        import('../../train/index.ts'),
        import('../prepare.ts'),
        import('../run-progress.ts'),
        import('../../evaluate/index.ts'),
      ]);
    const { config } = readRecord(folder);
    requireCheckpoint(folder, output.note);
    const play = oneOf('--play', list('play'), ['sampled', 'greedy'] as const);
    const everySplit = config.environment.kind === 'procgen' ? SPLITS : (['train'] as const);
    const splits = list('split').length === 0 ? everySplit : oneOf('--split', list('split'), everySplit);
    const episodes = option('episodes');
    const places = await prepare(invocation);
    const report = await evaluateRun({
      folder,
      places,
      splits,
      episodes: episodes === undefined ? null : positive('--episodes', episodes),
      play: play.length === 0 ? null : play,
      baselines: flag('baselines'),
      signal,
    });
    output.result(report, evaluationTable(report));
    return 0;
  },
};
