/** Curricula: the arithmetic of prioritised level replay, scores of episodes, and runs that resume with them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Episode } from '../../../bridge/protocol/messages.ts';
import { parseAssignment, presetNamed, resolveConfig } from '../../../src/config/index.ts';
import {
  curriculum,
  prioritizedLevelReplay,
  replayProbabilities,
  type OwnParts,
} from '../../../src/index.ts';
import { resumeRun, startRun } from '../../../src/runs/index.ts';
import { CurriculumRunner, scoreEpisodes } from '../../../src/train/curriculum-runner.ts';
import type { Json, ScoredEpisode } from '../../../src/train/curriculum.ts';
import { uniformStream, type Curriculum, type RunEvent, type Session } from '../../../src/train/index.ts';
import { course, endOf, needsPython, newFolder, places, python, rejection } from '../runs/run-fixture.ts';

const episode = (
  slot: number,
  level: number,
  length: number,
  score: number | null = null,
): ScoredEpisode => ({
  slot,
  game: 'maze',
  episode_return: 0,
  episode_length: length,
  level,
  completed: false,
  queued: true,
  score,
});

describe('replay probabilities', () => {
  it('are those of the paper, worked out by hand', () => {
    // Ranks 3, 1, 2; with beta = 1/2 weights 1/9, 1, 1/4 of 49/36; ages 0, 2, 1 of 3.
    const got = replayProbabilities([0.5, 2, 1], [3, 1, 2], 3, { temperature: 0.5, staleness: 0.1 });
    const wanted = [0.9 * (4 / 49), 0.9 * (36 / 49) + 0.1 * (2 / 3), 0.9 * (9 / 49) + 0.1 * (1 / 3)];
    got.forEach((value, i) => expect(value).toBeCloseTo(wanted[i] as number, 12));
  });

  it('are all staleness at rho = 1, and even where nothing is stale', () => {
    expect(replayProbabilities([1, 9], [1, 3], 4, { temperature: 0.1, staleness: 1 })).toEqual([0.75, 0.25]);
    expect(replayProbabilities([1, 9], [4, 4], 4, { temperature: 0.1, staleness: 1 })).toEqual([0.5, 0.5]);
  });

  it('add up to 1, and none is negative, over a thousand levels', () => {
    const next = uniformStream(3n);
    const scores = Array.from({ length: 1000 }, next);
    const got = replayProbabilities(
      scores,
      scores.map((_, i) => i + 1),
      1000,
      { temperature: 0.1, staleness: 0.1 },
    );
    expect(got.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
    expect(Math.min(...got)).toBeGreaterThanOrEqual(0);
  });
});

describe('prioritised level replay', () => {
  const replay = prioritizedLevelReplay({
    levels: { start: 100, count: 4 },
    temperature: 0.1,
    staleness: 0,
    ahead: 50,
  });
  const games = ['maze', 'maze'];
  const ask = (state: unknown, episodes: readonly ScoredEpisode[], seed: bigint) =>
    replay.next({ state: state as never, unroll: 0, episodes, games, random: uniformStream(seed) });
  const levelsOf = (choice: ReturnType<typeof ask>) => choice.queues.flatMap(({ levels }) => levels);

  it('plays every level alike before any was seen, then those never seen with their share', () => {
    const fresh = ask(replay.initial, [], 1n);
    expect(new Set(levelsOf(fresh))).toEqual(new Set([100, 101, 102, 103]));
    const half = ask(fresh.state, [episode(0, 101, 5, 2), episode(1, 103, 5, 1)], 2n);
    const levels = levelsOf(half);
    const unseen = levels.filter((level) => level === 100 || level === 102).length;
    expect(unseen / levels.length).toBeGreaterThan(0.35);
    expect(unseen / levels.length).toBeLessThan(0.65);
    // 2 ** 10 to 1 between the two that were seen.
    expect(levels.filter((level) => level === 103).length).toBeLessThan(3);
  });

  it('prefers the level whose values were most wrong, by its last score', () => {
    const seen = [100, 101, 102, 103].map((level, i) => episode(0, level, 5, i));
    const first = ask(replay.initial, seen, 3n);
    expect(levelsOf(first).filter((level) => level === 103).length).toBeGreaterThan(95);
    const later = ask(first.state, [episode(0, 103, 5, 0.5)], 4n);
    expect(levelsOf(later).filter((level) => level === 102).length).toBeGreaterThan(95);
  });

  it('keeps a state that survives JSON, and chooses by it and the numbers it is given alone', () => {
    const { state } = ask(replay.initial, [episode(0, 101, 5, 0.1), episode(1, 999, 5, 7)], 5n);
    const copy: unknown = JSON.parse(JSON.stringify(state));
    expect(copy).toEqual(state);
    expect(ask(copy, [], 6n)).toEqual(ask(state, [], 6n));
    expect(state).toMatchObject({ maze: { episodes: 1, scores: [null, 0.1, null, null] } });
  });

  it.each([
    [{ levels: { count: 0 } }, 'levels.count must be an integer from 1'],
    [{ levels: { count: 5, start: -1 } }, 'levels.start must be an integer from 0'],
    [{ levels: { count: 5 }, temperature: 0 }, 'temperature must be above 0'],
    [{ levels: { count: 5 }, staleness: 1.5 }, 'staleness must be from 0 to 1'],
    [{ levels: { count: 5 }, ahead: 0.5 }, 'ahead must be an integer from 1'],
  ])('refuses %o', (options, said) => {
    expect(() => prioritizedLevelReplay(options)).toThrow(said);
  });
});

describe('scores of episodes', () => {
  const plain = ({ score: _, ...rest }: ScoredEpisode): Episode => rest;

  it('are means over the steps of each, also of those that began in the unroll before', () => {
    // Two slots, four steps: slot 0 ends behind step 1, slot 1 nowhere.
    const unroll = {
      magnitudes: [1, 10, 3, 20, 5, 30, 7, 40],
      isFirst: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0].map(Boolean),
    };
    const before = [
      { steps: 2, sum: 8 },
      { steps: 1, sum: 1 },
    ];
    const { scored, scores } = scoreEpisodes(before, [plain(episode(0, 7, 4))], unroll);
    expect(scored).toEqual([episode(0, 7, 4, (8 + 1 + 3) / 4)]);
    expect(scores).toEqual([
      { steps: 2, sum: 12 },
      { steps: 5, sum: 101 },
    ]);
  });

  it('are absent where the start was not seen, and pass over ends without a record', () => {
    const unroll = { magnitudes: [1, 2, 3, 4], isFirst: [false, true, false, true, true] };
    const { scored, scores } = scoreEpisodes(
      [null],
      [plain(episode(0, 7, 9)), plain(episode(0, 8, 1))],
      unroll,
    );
    expect(scored.map(({ level, score }) => [level, score])).toEqual([
      [7, null],
      [8, 4],
    ]);
    expect(scores).toEqual([{ steps: 0, sum: 0 }]);
  });
});

const SMALL = [
  'environment.numEnvs=4',
  'environment.numHosts=1',
  'environment.games=starpilot,leaper',
  'train.batchSize=4',
  'train.unrollLength=32',
  'train.totalEnvSteps=1024',
  'algorithm.passes=1',
  'checkpoint.everyUpdates=2',
  'evaluation.atEnd=false',
  'model.core.kind=feed_forward',
];

async function run(
  preset: string,
  sets: readonly string[],
  own: OwnParts,
  folder: string,
  stopAt = Infinity,
): Promise<RunEvent[]> {
  const stop = new AbortController();
  const resolved = resolveConfig(presetNamed(preset).config(), preset, sets.map(parseAssignment));
  const events: RunEvent[] = [];
  for await (const event of startRun(resolved, preset, { folder, places, stop: stop.signal, own })) {
    events.push(event);
    if (event.type === 'update' && event.index === stopAt) stop.abort();
  }
  return events;
}

const kept = (folder: string, update: string): unknown =>
  (
    JSON.parse(readFileSync(path.join(folder, 'checkpoints', update, 'manifest.json'), 'utf8')) as {
      counters: { curriculum?: unknown };
    }
  ).counters.curriculum;

describe.skipIf(python === null || places.procgenLibrary === null)(
  `runs with a curriculum (${needsPython}, and ProcGen's library)`,
  () => {
    it('resume bit for bit', async () => {
      const own = { curriculum: prioritizedLevelReplay({ levels: { start: 50, count: 3 }, ahead: 2 }) };
      const [whole, stopped] = [newFolder(), newFolder()];
      const end = endOf(await run('quickstart', SMALL, own, whole));
      await run('quickstart', SMALL, own, stopped, 2);
      const resumed: RunEvent[] = [];
      const signal = new AbortController().signal;
      for await (const event of resumeRun({ folder: stopped, places, stop: signal, own }))
        resumed.push(event);
      expect(endOf(resumed).parameters_sha256).toBe(end.parameters_sha256);
      expect(course(stopped)).toEqual(course(whole));
      expect(kept(stopped, '000000008')).toEqual(kept(whole, '000000008'));
      expect(kept(whole, '000000008')).not.toBeNull();
    });

    it('play the levels that were chosen, from the first step on, and hear what came of them', async () => {
      const heard: ScoredEpisode[] = [];
      const three = curriculum('three', 0, ({ state, episodes, games, unroll }) => {
        heard.push(...episodes);
        const queues = games.map((_, slot) => ({
          slot,
          levels: Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? 70 : 80) + slot),
          restart: unroll === 0,
        }));
        return { state: state + 1, queues };
      });
      const folder = newFolder();
      await run(
        'quickstart',
        [
          ...SMALL.filter((line) => !line.startsWith('algorithm')),
          'algorithm.kind=impala',
          'environment.games=leaper',
          'train.totalEnvSteps=2048',
          'checkpoint.everyUpdates=99',
        ],
        { curriculum: three },
        folder,
      );
      expect(heard.length).toBeGreaterThan(4);
      for (const { slot, level, queued, score } of heard) {
        expect(queued).toBe(true);
        expect([70 + slot, 80 + slot]).toContain(level);
        expect(score).toBeGreaterThan(0);
      }
      expect(kept(folder, '000000016')).toMatchObject({ state: 16 });
    });
  },
);

describe('what a curriculum may not choose', () => {
  const refused = (next: Curriculum['next'], state: Json = 0) => {
    const made = curriculum('mine', state, next);
    const options = { session: undefined as unknown as Session, pool: 'train', seed: 1, kept: null };
    const games = ['maze', 'maze', 'maze', 'maze'];
    return rejection(new CurriculumRunner({ ...options, curriculum: made, games }).choose(7));
  };

  it.each([
    ['a slot that is not there', { state: 0, queues: [{ slot: 4, levels: [1] }] }, 'slot from 0 to 3'],
    ['a slot twice', { state: 0, queues: [0, 0].map((slot) => ({ slot, levels: [1] })) }, 'once at most'],
    ['a level below 0', { state: 0, queues: [{ slot: 0, levels: [-1] }] }, 'levels from 0 on'],
    ['a restart into nothing', { state: 0, queues: [{ slot: 0, levels: [], restart: true }] }, 'got none'],
    ['a state that JSON loses', { state: { a: NaN }, queues: [] }, 'finite numbers'],
    ['a state with a Map', { state: { a: new Map() } as unknown as Json, queues: [] }, 'plain objects'],
    ['no queues', { state: 0 }, 'must return { state, queues }, got an object with state'],
    ['a number that JSON does not know', 1n, 'must return { state, queues }, got 1'],
    ['a promise', Promise.resolve({ state: 0, queues: [] }), 'at once, got a promise'],
    ['a queue of nothing', { state: 0, queues: [null] }, 'queues of { slot, levels }, got null'],
    ['a queue without a slot', { state: 0, queues: [{ levels: [1] }] }, 'queues of { slot, levels }'],
    ['no levels', { state: 0, queues: [{ slot: 0 }] }, 'list of levels from 0 on, got undefined'],
    ['a level of NaN', { state: 0, queues: [{ slot: 0, levels: [NaN] }] }, 'levels from 0 on, got [NaN]'],
    ['a level beyond numbers', { state: 0, queues: [{ slot: 0, levels: [2 ** 60] }] }, 'levels from 0 on'],
    ['half a restart', { state: 0, queues: [{ slot: 0, levels: [1], restart: 1 }] }, 'true or false, got 1'],
  ])('is %s', async (_, choice, said) => {
    const error: unknown = await refused(() => choice as unknown as ReturnType<Curriculum['next']>);
    expect(error).toMatchObject({ code: 'RUN_CURRICULUM', message: expect.stringContaining(said) as string });
  });

  it('is a promise that fails, which ends the run and nothing else', async () => {
    const late = (() => Promise.reject(new Error('late'))) as unknown as Curriculum['next'];
    expect(await refused(late)).toMatchObject({ code: 'RUN_CURRICULUM' });
  });

  it('is an exception', async () => {
    const error: unknown = await refused(() => {
      throw new Error('no idea');
    });
    const message =
      'curriculum "mine": must return { state, queues } before unroll 7, but it threw Error: no idea.';
    expect(error).toMatchObject({ code: 'RUN_CURRICULUM', message });
  });
});

describe.skipIf(python === null)(`a curriculum where there are no levels (${needsPython})`, () => {
  it('is refused when it chooses some', async () => {
    const sets = ['environment.numEnvs=4', 'train.batchSize=4', 'train.totalEnvSteps=128'];
    const some = curriculum('some', 0, () => ({ state: 0, queues: [{ slot: 0, levels: [1] }] }));
    const error: unknown = await rejection(run('tiny', sets, { curriculum: some }, newFolder()));
    expect(error).toMatchObject({
      code: 'ENV_NO_LEVELS',
      message: expect.stringContaining('catch') as string,
    });
  });
});
