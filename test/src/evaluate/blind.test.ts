import { describe, expect, test } from 'vitest';
import { toTypedArray, type HostTensor } from '../../../bridge/client/index.ts';
import type { Episode } from '../../../bridge/protocol/messages.ts';
import { playBlind, searchBlind, type BlindArena } from '../../../src/evaluate/blind.ts';
import { CHUNK } from '../../../src/evaluate/episodes.ts';
import { uniformStream, type Session } from '../../../src/train/index.ts';

/** Mean return of an action: the last is best, and a mixture of the last two is better than both. */
const BANDIT = [-1, 0, 0.2, 0.3] as const;

interface Arm {
  readonly arena: BlindArena;
  /** Distributions of every request, slot by slot. */
  readonly asked: number[][][];
}

/**
 * A scripted worker: each slot plays an episode of CHUNK steps a request, and its return is what its distribution
 * earns on average, and a little noise.
 */
function bandit(numEnvs: number, earns: (distribution: readonly number[]) => number): Arm {
  const noise = uniformStream(11n);
  const asked: number[][][] = [];
  const numActions = BANDIT.length;
  const exchange = async (_verb: string, _body: unknown, [logits]: readonly HostTensor[]) => {
    const values = Array.from(toTypedArray(logits as HostTensor & { dtype: 'float32' }), Number);
    const distributions = Array.from({ length: numEnvs }, (_, slot) =>
      values.slice(slot * numActions, (slot + 1) * numActions).map(Math.exp),
    );
    asked.push(distributions);
    const episodes: Episode[] = distributions.map((distribution, slot) => ({
      slot,
      game: 'bandit',
      episode_return: earns(distribution) + 0.02 * (noise() - 0.5),
      episode_length: CHUNK,
      level: 0,
      completed: false,
      queued: false,
    }));
    return { body: { episodes, faults: [], act_seconds: 0, env_seconds: 0 }, tensors: [] };
  };
  const session = { load: async () => '', run: async () => [], exchange } as unknown as Session;
  const signal = new AbortController().signal;
  return {
    arena: {
      session,
      pool: 'bandit',
      numEnvs,
      numActions,
      seed: 5,
      maxSteps: 1000,
      signal,
      onFaults: () => undefined,
    },
    asked,
  };
}

const linear = (distribution: readonly number[]) =>
  distribution.reduce((sum, probability, action) => sum + probability * (BANDIT[action] ?? 0), 0);
/** Best when the last two actions are equally likely. */
const mixed = (distribution: readonly number[]) => 4 * (distribution[2] ?? 0) * (distribution[3] ?? 0);

describe('the search for the best policy that never looks', () => {
  test('finds the constant action where that is best', async () => {
    const { best, candidates, envSteps } = await searchBlind(bandit(16, linear).arena, 4, 2);
    expect(best).toEqual([0, 0, 0, 1]);
    expect(candidates).toBeGreaterThan(16);
    expect(envSteps).toBe(4 * 2 * CHUNK * 16);
  });

  test('finds a mixture where no single action is good, and beats uniform play', async () => {
    const { best } = await searchBlind(bandit(24, mixed).arena, 6, 2);
    const uniform = BANDIT.map(() => 1 / BANDIT.length);
    expect(mixed(uniform)).toBe(0.25);
    expect(mixed(best)).toBeGreaterThan(0.9);
    expect(best.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 10);
  });

  test('begins with every constant action and keeps the best of each round', async () => {
    const { arena, asked } = bandit(8, linear);
    await searchBlind(arena, 2, 1);
    const first = asked[0] ?? [];
    BANDIT.forEach((_, action) => expect(first[action]?.[action]).toBeCloseTo(1, 6));
    expect(asked[1]?.[0]?.[3]).toBeCloseTo(1, 6);
  });

  test('is the same search for the same seed, and another for another', async () => {
    const search = async (seed: number) => {
      const { arena, asked } = bandit(8, mixed);
      await searchBlind({ ...arena, seed }, 2, 1);
      return asked;
    };
    expect(await search(5)).toEqual(await search(5));
    expect(await search(6)).not.toEqual(await search(5));
  });

  test('does not prefer an action that was lucky once', async () => {
    let round = 0;
    const { arena } = bandit(8, (distribution) => linear(distribution) + (round++ === 0 ? 5 : 0));
    // Slot 0 of the first round, the worst action, is lucky; it is kept, plays on and falls.
    const { best } = await searchBlind(arena, 12, 1);
    expect(linear(best)).toBeGreaterThan(-1);
  });
});

test('blind play gives every slot its own distribution and its own quota', async () => {
  const { arena, asked } = bandit(2, linear);
  const distributions = [
    [1, 0, 0, 0],
    [0, 0, 0.5, 0.5],
  ];
  const { episodes, envSteps } = await playBlind(arena, 'test', distributions, 3);
  expect(episodes.map(({ slot }) => slot)).toEqual([0, 0, 0, 1, 1, 1]);
  expect(envSteps).toBe(3 * CHUNK * 2);
  expect(asked[0]?.[1]?.[2]).toBeCloseTo(0.5, 6);
  expect(asked[0]?.[0]?.[1]).toBeLessThan(1e-9);
});
