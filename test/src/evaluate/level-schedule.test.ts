import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Episode } from '../../../bridge/protocol/messages.ts';
import { LevelSchedule } from '../../../src/evaluate/level-schedule.ts';
import { uniformStream } from '../../../src/train/index.ts';

interface Slot {
  level: number | null;
  left: number;
  queue: number[];
}

/** Slots as a pool keeps them: queued levels last `lengthOf(game, level)` steps, what it draws itself `filler` steps. */
class ScriptedPool {
  readonly slots: Slot[];
  readonly #games: readonly string[];
  readonly #lengthOf: (game: string, level: number) => number;
  readonly #filler: number;

  constructor(games: readonly string[], lengthOf: (game: string, level: number) => number, filler: number) {
    this.#games = games;
    this.#lengthOf = lengthOf;
    this.#filler = filler;
    this.slots = games.map(() => ({ level: null, left: filler, queue: [] }));
  }

  queue(orders: ReturnType<LevelSchedule['orders']>): void {
    for (const { slot, levels, restart } of orders) {
      const own = this.slots[slot] as Slot;
      own.queue = [...levels];
      if (restart) this.#begin(slot);
    }
  }

  #begin(slot: number): void {
    const own = this.slots[slot] as Slot;
    own.level = own.queue.shift() ?? null;
    own.left = own.level === null ? this.#filler : this.#lengthOf(this.#games[slot] as string, own.level);
  }

  play(steps: number): Episode[] {
    const episodes: Episode[] = [];
    for (let step = 0; step < steps; step++) {
      for (const [slot, own] of this.slots.entries()) {
        if (--own.left > 0) continue;
        episodes.push({
          slot,
          game: this.#games[slot] as string,
          episode_return: own.level ?? -1,
          episode_length: 1,
          level: own.level ?? 12345,
          completed: false,
          queued: own.level !== null,
        });
        this.#begin(slot);
      }
    }
    return episodes;
  }
}

function playAll(pool: ScriptedPool, schedule: LevelSchedule, steps: number): number {
  let chunks = 0;
  for (; !schedule.done && chunks < 10_000; chunks++) {
    pool.queue(schedule.orders());
    schedule.take(pool.play(steps), steps);
  }
  return chunks;
}

describe('a schedule of levels', () => {
  test('has every level of every game played exactly once, whatever the lengths of episodes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        fc.bigInt({ min: 0n, max: 1000n }),
        (numGames, perGame, numLevels, filler, seed) => {
          const uniform = uniformStream(seed);
          const names = Array.from({ length: numGames }, (_, i) => `game${i}`);
          const games = Array.from({ length: numGames * perGame }, (_, i) => names[i % numGames] as string);
          const levels = Array.from({ length: numLevels }, (_, i) => 100 + 3 * i);
          const pool = new ScriptedPool(games, () => 1 + Math.floor(uniform() ** 3 * 60), filler);
          const schedule = new LevelSchedule(games, levels, 1000);
          playAll(pool, schedule, 8);
          const played = schedule.rows.map(({ game, level }) => `${game}/${level}`).sort();
          expect(played).toEqual(names.flatMap((game) => levels.map((level) => `${game}/${level}`)).sort());
        },
      ),
      { numRuns: 60 },
    );
  });

  test('takes a level back from a slot that is busy when another is idle', () => {
    const games = ['a', 'a'];
    const pool = new ScriptedPool(games, (_, level) => (level === 0 ? 500 : 5), 3);
    const schedule = new LevelSchedule(games, [0, 1, 2, 3], 1000);
    // Slot 0 is 500 steps in level 0 with one level queued behind it, which must not wait for that.
    const chunks = playAll(pool, schedule, 10);
    expect(chunks).toBe(50);
    expect(schedule.rows.at(-1)).toMatchObject({ level: 0, slot: 0 });
    expect(schedule.rows.filter(({ slot }) => slot === 1)).toHaveLength(3);
  });

  test('names the level and game of an episode that does not end', () => {
    const pool = new ScriptedPool(
      ['a', 'b'],
      (game, level) => (game === 'b' && level === 7 ? Infinity : 2),
      3,
    );
    const schedule = new LevelSchedule(['a', 'b'], [5, 6, 7], 64);
    expect(() => playAll(pool, schedule, 16)).toThrow(/within 64 steps .* but level 7 of b did not/);
  });
});
