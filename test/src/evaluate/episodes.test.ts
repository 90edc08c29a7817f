import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Episode, ReplyBody } from '../../../bridge/protocol/messages.ts';
import { CHUNK, playEpisodes } from '../../../src/evaluate/episodes.ts';
import { gameResults } from '../../../src/evaluate/results.ts';
import { normalizationOf, normalizedBy, type ScoreSet } from '../../../src/metrics/index.ts';

const never = new AbortController().signal;

function episode(slot: number, episodeReturn: number, length: number, game = 'catch'): Episode {
  return {
    slot,
    game,
    episode_return: episodeReturn,
    episode_length: length,
    level: 0,
    completed: false,
    queued: false,
  };
}

/** A pool whose slot i plays episodes of `lengths[i]` env steps that return their length. */
function steps(lengths: readonly number[]) {
  return async (chunk: number): Promise<ReplyBody<'collect'>> => ({
    episodes: lengths.flatMap((length, slot) =>
      Array.from({ length: CHUNK }, (_, i) => chunk * CHUNK + i + 1)
        .filter((step) => step % length === 0)
        .map(() => episode(slot, length, length)),
    ),
    faults: [],
    act_seconds: 0,
    env_seconds: 0,
  });
}

describe('playing episodes', () => {
  test('counts the same number in every slot, however early the short ones finish', async () => {
    const played = await playEpisodes(3, 2, 10_000, never, steps([1, 10, 100]));
    expect(played.episodes.map(({ slot }) => slot)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(played.complete).toBe(true);
    const mean = played.episodes.reduce((sum, one) => sum + one.episode_return, 0) / 6;
    expect(mean).toBe(37);
    expect(played.envSteps).toBe(Math.ceil(200 / CHUNK) * CHUNK * 3);
  });

  test('gives the quota for any lengths, and asks for no step beyond', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (lengths, quota) => {
          let asked = 0;
          const step = steps(lengths);
          const played = await playEpisodes(lengths.length, quota, 10_000, never, (chunk) => {
            expect(chunk).toBe(asked++);
            return step(chunk);
          });
          lengths.forEach((_, slot) =>
            expect(played.episodes.filter((one) => one.slot === slot)).toHaveLength(quota),
          );
          expect(asked).toBe(Math.ceil((Math.max(...lengths) * quota) / CHUNK));
        },
      ),
      { numRuns: 50, seed: 3 },
    );
  });

  test('keeps the first of each slot, in their order', async () => {
    const script = [[5, 6], [7], [8, 9]];
    const played = await playEpisodes(1, 4, 10_000, never, async (chunk) => ({
      episodes: (script[chunk] ?? []).map((value) => episode(0, value, 1)),
      faults: [],
      act_seconds: 0,
      env_seconds: 0,
    }));
    expect(played.episodes.map((one) => one.episode_return)).toEqual([5, 6, 7, 8]);
  });

  test('says when a slot did not finish within the bound', async () => {
    const played = await playEpisodes(2, 1, CHUNK * 2, never, steps([4, 1000]));
    expect(played.complete).toBe(false);
    expect(played.envSteps).toBe(CHUNK * 2 * 2);
  });

  test('stops between two requests when it is asked to', async () => {
    const stop = new AbortController();
    let asked = 0;
    const played = playEpisodes(1, 1, 10_000, stop.signal, async () => {
      if (++asked === 3) stop.abort(new Error('enough'));
      return { episodes: [], faults: [], act_seconds: 0, env_seconds: 0 };
    });
    await expect(played).rejects.toThrow('enough');
    expect(asked).toBe(3);
  });
});

describe('results by game', () => {
  test('normalise with the bounds of the game and its distribution mode', () => {
    const episodes = [
      episode(0, 20, 10, 'starpilot'),
      episode(1, 30, 20, 'starpilot'),
      episode(2, 5, 30, 'maze'),
      episode(3, 10, 50, 'maze'),
    ];
    const easy = gameResults(episodes, { set: 'cobbe_code', constants: 'easy' });
    expect(easy.map(({ game }) => game)).toEqual(['maze', 'starpilot']);
    expect(easy[0]).toMatchObject({ episodes: 2, mean_return: 7.5, mean_length: 40, normalized: 0.5 });
    // (25 - 2.5) / (64 - 2.5) and (25 - 1.5) / (35 - 1.5)
    expect(easy[1]?.normalized).toBeCloseTo(0.36585365853658536, 12);
    const hard = gameResults(episodes, { set: 'cobbe_code', constants: 'hard' });
    expect(hard[0]?.normalized).toBeCloseTo(0.5833333333333334, 12);
    expect(hard[1]?.normalized).toBeCloseTo(0.7014925373134329, 12);
  });

  test('leave out what has no published bounds', () => {
    expect(gameResults([episode(0, 1, 7)], null)[0]?.normalized).toBeNull();
    const easy = normalizationOf('easy', 'cobbe_code');
    expect(gameResults([episode(0, 1, 7, 'unheard-of')], easy)[0]?.normalized).toBeNull();
    for (const mode of ['extreme', 'exploration', null])
      expect(normalizationOf(mode, 'cobbe_code')).toBeNull();
  });

  test("take the constants of the code or of the appendix, and hard mode's for memory mode", () => {
    const of = (game: string, mode: string, set: ScoreSet) =>
      normalizedBy(normalizationOf(mode, set), 4, game);
    expect(of('jumper', 'easy', 'cobbe_code')).toBeCloseTo(3 / 9, 12);
    expect(of('jumper', 'easy', 'cobbe_paper')).toBeCloseTo(1 / 7, 12);
    expect(of('leaper', 'easy', 'cobbe_code')).toBeCloseTo(2.5 / 8.5, 12);
    expect(of('leaper', 'easy', 'cobbe_paper')).toBeCloseTo(1 / 7, 12);
    for (const game of ['jumper', 'leaper', 'maze'])
      expect(of(game, 'hard', 'cobbe_paper')).toBe(of(game, 'hard', 'cobbe_code'));
    expect(normalizationOf('memory', 'cobbe_code')).toEqual({ set: 'cobbe_code', constants: 'hard' });
    expect(of('heist', 'memory', 'cobbe_code')).toBe(of('heist', 'hard', 'cobbe_code'));
  });

  test('hold the mean in an interval that narrows with more episodes', () => {
    const some = (count: number) =>
      gameResults(
        Array.from({ length: count }, (_, i) => episode(i, i % 2, 1)),
        null,
      )[0];
    const width = (result: ReturnType<typeof some>) => (result?.ci95[1] ?? 0) - (result?.ci95[0] ?? 0);
    expect(some(20)?.mean_return).toBe(0.5);
    expect(some(20)?.ci95[0]).toBeLessThan(0.5);
    expect(width(some(200))).toBeLessThan(width(some(20)));
  });
});
