/** Two lanes: one unroll is collected while the former is learnt from, by the parameters of one unroll before. */
import { describe, expect, test, vi } from 'vitest';
import type { Config } from '../../../src/config/index.ts';
import { updateLoop } from '../../../src/train/index.ts';
import { startSession } from '../../support/session.ts';
import { needsPython, places, python, SMALL, SMALL_IMPALA, tiny } from './run-fixture.ts';

/** Two updates an unroll. */
const PPO = [...SMALL, 'train.totalEnvSteps=320'];
const IMPALA = [...SMALL_IMPALA, 'train.totalEnvSteps=320'];

/** Everything a run in a fresh worker says and asks; `pause` keeps the driver busy before each update is taken. */
async function course(sets: readonly string[], pause = 0) {
  await using session = await startSession();
  const asked = vi.spyOn(session.worker, 'call');
  const config: Config = tiny(...sets).config;
  const events = updateLoop({ session, config, places, stop: new AbortController().signal });
  const lags: number[] = [];
  const losses: unknown[] = [];
  for (;;) {
    const { value, done } = await events.next();
    const requests = asked.mock.calls.map(([verb, body]) => ({
      verb: String(verb),
      keys: Object.keys(body),
    }));
    const named = asked.mock.calls.flatMap(([verb, , options]) =>
      options?.lane === undefined ? [] : [[String(verb), options.lane] as const],
    );
    if (done === true)
      return { lags, losses, requests, lanes: new Map(named), hash: value.parameters_sha256 };
    lags.push(value.policy_lag);
    losses.push(value.losses);
    if (pause > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
}

describe.skipIf(python === null)(`lanes with a worker (${needsPython})`, { timeout: 120_000 }, () => {
  test.each([
    ['ppo', PPO],
    ['impala', IMPALA],
  ])(
    'of %s that overlap have the lag of one unroll, and the same bits whatever is faster',
    async (_, sets) => {
      const overlapped = await course([...sets, 'train.lanes=overlapped']);
      // The first unroll is as new as the parameters; every other one is an unroll's two updates older.
      expect(overlapped.lags).toEqual([0, 1, 2, 3, 2, 3, 2, 3, 2, 3]);
      const slow = await course([...sets, 'train.lanes=overlapped'], 20);
      expect(slow.losses).toEqual(overlapped.losses);
      expect(slow.hash).toBe(overlapped.hash);
      const atOnce = await course([...sets, 'train.lanes=overlapped', 'hardware.lanes=threads']);
      expect(atOnce.lanes).toEqual(
        new Map([
          ['run', 'act'],
          ['collect', 'act'],
        ]),
      );
      expect(atOnce.losses).toEqual(overlapped.losses);
      expect(atOnce.hash).toBe(overlapped.hash);
      const versions = overlapped.requests.filter(({ verb }) => verb === 'assign' || verb === 'collect');
      expect(versions.map(({ verb }) => verb)).toEqual(Array(5).fill(['assign', 'collect']).flat());
    },
  );

  test.each(['turns', 'threads'])(
    'as %s whose worker dies with an unroll in flight end with WORKER_LOST, once',
    async (how) => {
      await using session = await startSession();
      const { config } = tiny(...IMPALA, 'train.lanes=overlapped', `hardware.lanes=${how}`);
      const events = updateLoop({ session, config, places, stop: new AbortController().signal });
      const fail = async (): Promise<unknown> => {
        for await (const { index } of events)
          if (index === 2) process.kill(session.worker.hello.pid, 'SIGKILL');
        return 'nothing';
      };
      // A rejection that nobody heard, of the unroll in flight, would fail this test.
      expect(await fail().catch((error: unknown) => error)).toMatchObject({ code: 'WORKER_LOST' });
    },
  );

  test('that take turns ask for nothing of the other lane, nor of PopArt or burn-in', async () => {
    const { lags, lanes, requests } = await course([...IMPALA, 'train.lanes=synchronous']);
    expect(lanes).toEqual(new Map());
    expect(lags).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(new Set(requests.map(({ verb }) => verb))).not.toContain('assign');
    const keysOf = (verb: string) => [
      ...new Set(requests.filter((request) => request.verb === verb).flatMap(({ keys }) => keys)),
    ];
    expect(keysOf('collect')).not.toContain('version');
    expect(keysOf('accumulate')).not.toContain('store');
    expect(requests.filter(({ verb }) => verb === 'create_parameters')).toHaveLength(1);
  });
});
