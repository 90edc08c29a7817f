/** `srwm record`: episodes of a run's newest checkpoint as animated PNG. */
import { SrwmError } from '../../../bridge/protocol/errors.ts';
import type { Command } from '../command.ts';
import { oneOf, positive } from '../values.ts';

export const record: Command = {
  name: 'record',
  summary: 'Record episodes of the newest checkpoint of a run to video: chosen levels, an animated PNG each.',
  arguments: [{ name: '<run>', description: 'a run directory' }],
  options: [
    {
      flags: '--game <name>',
      description: 'one of the run; may be given several times (default: all)',
      repeatable: true,
    },
    {
      flags: '--level <n>',
      description:
        'a level, or levels like 1000-1004; may be given several times (default: the first three of training)',
      repeatable: true,
    },
    {
      flags: '--episodes <n>',
      description: 'so many episodes, where levels cannot be chosen (default: 3)',
    },
    {
      flags: '--play <way>',
      description: 'sampled or greedy; may be given twice (default: the first that the run says)',
      repeatable: true,
    },
    {
      flags: '--state <how>',
      description:
        'carry the core state through an episode, or unroll: start it anew after each train.unrollLength steps',
    },
    {
      flags: '--envs <n>',
      description: 'slots that play at once, as in evaluate (default: as the run says)',
    },
    { flags: '--scale <n>', description: 'side of the square that a pixel becomes (default: 4)' },
    { flags: '--fps <n>', description: 'frames a second (default: 15)' },
    {
      flags: '--out <dir>',
      description: "a folder for the files (default: the run's artifacts/videos/<update>)",
    },
  ],
  examples: [
    'record runs/mine',
    'record runs/mine --game starpilot --level 0-4 --level 1000 --play greedy --play sampled',
    'record runs/mine --scale 8 --out videos --json',
  ],
  run: async (invocation) => {
    const { arguments: words, list, option, output, signal } = invocation;
    const folder = words[0] ?? '';
    const [
      { ownPartsOf, recordingPlan, recordRun },
      { readRecord, requireCheckpoint },
      { prepare },
      { STATES },
    ] = await Promise.all([
      import('../../runs/index.ts'),
      import('../../train/index.ts'),
      import('../prepare.ts'),
      import('../../evaluate/index.ts'),
    ]);
    const { config, ...run } = readRecord(folder);
    requireCheckpoint(folder, output.note);
    const number = (name: string): number | undefined => {
      const text = option(name);
      return text === undefined ? undefined : positive(`--${name}`, text);
    };
    const given = (name: string): readonly string[] | undefined =>
      list(name).length === 0 ? undefined : list(name);
    const play = oneOf('--play', list('play'), ['sampled', 'greedy'] as const);
    const [state] = oneOf(
      '--state',
      [option('state')].filter((word) => word !== undefined),
      STATES,
    );
    const request = {
      games: given('game'),
      levels: given('level')?.flatMap(levelsNamed),
      episodes: number('episodes'),
      play: play.length === 0 ? undefined : play,
      state,
      numEnvs: number('envs'),
      scale: number('scale'),
      fps: number('fps'),
      out: option('out'),
    };
    const own = await ownPartsOf(folder, { config, ...run });
    recordingPlan(config, request, own);
    const places = await prepare(invocation);
    const report = await recordRun(folder, {
      ...request,
      places,
      own,
      signal,
      onVideo: ({ file, episode_return: episodeReturn, episode_length: length, completed }) =>
        output.say(
          `${file}  return ${episodeReturn.toFixed(2)}, ${length} steps${completed ? ', completed' : ''}`,
        ),
    });
    output.result(report, `${report.videos.length} videos of update ${report.update}`);
    return 0;
  },
};

/** `7`, or `0-4` with both ends. @throws CLI_INVALID_VALUE */
function levelsNamed(text: string): number[] {
  const [, first, last = first] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (first !== undefined && start <= end && end - start < MOST)
    return Array.from({ length: end - start + 1 }, (_, index) => start + index);
  throw new SrwmError(
    'CLI_INVALID_VALUE',
    `--level: must be a level like 7, or up to ${MOST} levels like 0-4, got "${text}".`,
  );
}

/** Nobody watches more; a slip of the pen would fill the disk. */
const MOST = 1000;
