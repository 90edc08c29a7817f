import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Episode } from '../../../bridge/protocol/messages.ts';
import { hostTensor } from '../../../bridge/client/index.ts';
import { parseAssignment, presetNamed, resolveConfig } from '../../../src/config/index.ts';
import { counterNoise } from '../../../src/evaluate/counter-noise.ts';
import { playLedger } from '../../../src/evaluate/ledger.ts';
import { withStateReset } from '../../../src/evaluate/policies.ts';
import { tensorSpec, trace } from '../../../src/graph/index.ts';
import { spacesOf } from '../../../src/runs/index.ts';
import {
  actGraph,
  agentOf,
  createParameters,
  openPool,
  poolSpec,
  SET,
  stateNames,
  type Agent,
  type Play,
  type Session,
} from '../../../src/train/index.ts';
import { needsPython, numbers, places, python, startSession, tensor } from '../../support/session.ts';

const { config } = resolveConfig(
  presetNamed('quickstart').config(),
  'quickstart',
  [
    'model.rewardAtReset=former_episode',
    'model.policyGain=1',
    'model.core.numHeads=2',
    'model.core.modelDim=16',
  ].map(parseAssignment),
);
const agent = agentOf(config.model, config.train, spacesOf(config.environment), false);

let session: Session;
beforeAll(async () => {
  if (python === null) return;
  session = await startSession();
  await createParameters(session, agent, 3);
});
afterAll(async () => session?.[Symbol.asyncDispose]());

interface Setting {
  readonly games?: readonly string[];
  readonly levels?: readonly number[];
  readonly play?: Play;
  readonly seed?: number;
  readonly numHosts?: number;
  readonly agent?: Agent;
}

let pools = 0;
async function ledger(setting: Setting): Promise<readonly Episode[]> {
  const { games = ['starpilot'], levels = range(12), play = 'sampled', seed = 5, numHosts = 2 } = setting;
  const environment = {
    ...config.environment,
    games: [...games],
    numEnvs: 6,
    numHosts,
  } as typeof config.environment;
  const name = `ledger-${pools++}`;
  const pool = await openPool(session, name, poolSpec(environment, pools, places));
  try {
    const options = {
      session,
      agent: setting.agent ?? agent,
      pool,
      levels,
      play,
      seed,
      maxEpisodeSteps: 8000,
    };
    return (await playLedger({ ...options, signal: new AbortController().signal })).episodes;
  } finally {
    await session.call('close_pool', { pool: name });
  }
}

const range = (count: number, start = 0) => Array.from({ length: count }, (_, i) => start + i);
/** What must not depend on how a ledger was played. */
const outcomes = (episodes: readonly Episode[]) =>
  Object.fromEntries(
    episodes.map(({ game, level, episode_return, episode_length, completed }) => [
      `${game}/${level}`,
      [episode_return, episode_length, completed],
    ]),
  );

describe.skipIf(python === null || places.procgenLibrary === null)(
  `a ledger (${needsPython}, and ProcGen)`,
  { timeout: 120_000 },
  () => {
    test.each(['sampled', 'greedy'] as const)(
      'returns the same level by level in any order, in other company and with other hosts, %s',
      async (play) => {
        const plain = await ledger({ play });
        expect(plain.map(({ level }) => level)).toEqual(range(12));
        const backwards = await ledger({ play, levels: range(12).reverse(), numHosts: 1 });
        expect(backwards.map(({ level }) => level)).toEqual(range(12).reverse());
        expect(outcomes(backwards)).toEqual(outcomes(plain));
        // Half of the slots play another game, and the levels after ours are others.
        const company = await ledger({
          play,
          games: ['bigfish', 'starpilot'],
          levels: [...range(6, 3), 900],
        });
        const ours = outcomes(plain);
        const shared = Object.entries(outcomes(company)).filter(([key]) => key in ours);
        expect(shared).toHaveLength(6);
        expect(Object.fromEntries(shared)).toEqual(
          Object.fromEntries(shared.map(([key]) => [key, ours[key]])),
        );
        expect(new Set(plain.map(({ episode_length: length }) => length)).size).toBeGreaterThan(3);
      },
    );

    test('samples other actions with another seed', async () => {
      const [one, other] = [
        await ledger({ seed: 1, levels: range(6) }),
        await ledger({ seed: 2, levels: range(6) }),
      ];
      expect(outcomes(one)).not.toEqual(outcomes(other));
    });
  },
);

describe.skipIf(python === null)(`noise of a level and step (${needsPython})`, () => {
  const WORD = 0xffffffffn;
  function mix(x: bigint): bigint {
    let word = x & WORD;
    word = ((word ^ (word >> 16n)) * 0x21f0aaadn) & WORD;
    word = ((word ^ (word >> 15n)) * 0x735a2d97n) & WORD;
    return word ^ (word >> 15n);
  }
  /** The same, word by word. */
  function expected(salt: bigint, level: bigint, step: bigint): number {
    const one = mix(mix(salt) ^ level);
    const other = mix((one + 0x9e3779b9n) ^ level);
    return Number(mix(mix(one ^ step) ^ other) >> 8n) / 2 ** 24;
  }
  const int64 = (values: readonly bigint[]) =>
    hostTensor('int64', BigInt64Array.from(values), [values.length]);

  async function noise(salts: readonly bigint[], levels: readonly bigint[], steps: readonly bigint[]) {
    const spec = tensorSpec([salts.length], 'int64');
    const graph = trace(
      'noise_of_counters',
      { salt: spec, level: spec, step: spec },
      ({ salt, level, step }) => ({
        u: counterNoise(salt, level, step),
      }),
    );
    const { u } = await session.compute(graph, {
      salt: int64(salts),
      level: int64(levels),
      step: int64(steps),
    });
    return u.toNumbers();
  }

  test('is a fixed function of its counters, to the last bit', async () => {
    const salts = [0n, 1n, 0xffffffffn, 0xdeadbeefn];
    const levels = [0n, 199n, 2147483646n, 7n];
    const steps = [0n, 1n, 999n, 5999n];
    const all = salts.flatMap((s) => levels.flatMap((l) => steps.map((t) => [s, l, t] as const)));
    const given = await noise(
      all.map(([s]) => s),
      all.map(([, l]) => l),
      all.map(([, , t]) => t),
    );
    expect(given).toEqual(all.map(([s, l, t]) => expected(s, l, t)));
  });

  test('is uniform, and neighbouring levels and steps do not resemble each other', async () => {
    const [levels, steps] = [64, 256];
    const cells = Array.from({ length: levels * steps }, (_, i) => [
      BigInt(Math.floor(i / steps)),
      BigInt(i % steps),
    ]);
    const values = await noise(
      cells.map(() => 77n),
      cells.map(([l]) => l as bigint),
      cells.map(([, t]) => t as bigint),
    );
    const n = values.length;
    const bins = Array.from({ length: 16 }, (_, b) => values.filter((u) => Math.floor(u * 16) === b).length);
    const chi2 = bins.reduce((sum, count) => sum + (count - n / 16) ** 2 / (n / 16), 0);
    // The 99.99 % quantile of chi-squared with 15 degrees of freedom.
    expect(chi2).toBeLessThan(44.3);
    const correlation = (lag: number) =>
      values.slice(lag).reduce((sum, u, i) => sum + (u - 0.5) * ((values[i] as number) - 0.5), 0) *
      (12 / (n - lag));
    for (const lag of [1, 2, 3, steps, 2 * steps])
      expect(Math.abs(correlation(lag))).toBeLessThan(4 / Math.sqrt(n));
  });
});

describe.skipIf(python === null)(`a core state that starts anew (${needsPython})`, () => {
  test('is zero after each so many steps of an episode, counted from its first, and is carried in between', async () => {
    const [batch, every] = [2, 3];
    const reset = withStateReset(agent, every);
    const [plain, wrapped] = [actGraph(agent, batch, 'greedy'), actGraph(reset, batch, 'greedy')];
    const zeros = (own: Agent) =>
      Object.fromEntries(
        Object.entries(own.policy.stateShapes(batch)).map(([name, shape]) => [
          `state/${name}`,
          tensor(Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0), shape),
        ]),
      );
    let states = { plain: zeros(agent), wrapped: zeros(reset) };
    // Slot 1 begins a new episode at step 4, so that its resets come at 4, 7; those of slot 0 at 0, 3, 6.
    const resets = [[0, 1], [], [], [0, 1], [1], [], [0], [1], []];
    for (const [t, due] of resets.entries()) {
      const observation = tensor(
        Array.from({ length: batch * 64 * 64 * 3 }, (_, i) => (i * 7 + t * 31) % 256),
        [1, batch, 64, 64, 3],
        'uint8',
      );
      const reward = tensor([0.5, -0.25], [1, batch]);
      const isFirst = tensor([0, Number(t === 4)], [1, batch], 'bool');
      // The plain agent is reset by hand: its state's rows are zeroed where the wrapped one's are due.
      for (const name of stateNames(agent)) {
        const { shape } = states.plain[`state/${name}`] as { shape: readonly number[] };
        const values = numbers(states.plain[`state/${name}`]);
        const row = values.length / batch;
        for (const slot of due) values.fill(0, slot * row, (slot + 1) * row);
        states.plain[`state/${name}`] = tensor(values, shape);
      }
      const inputs = { observation, reward, is_first: isFirst };
      const one = await session.compute(plain, { ...inputs, ...states.plain }, { set: SET });
      const two = await session.compute(wrapped, { ...inputs, ...states.wrapped }, { set: SET });
      const [a, b] = [one, two] as unknown as Record<string, { toNumbers(): unknown; shape: number[] }>[];
      expect(b?.['logits']?.toNumbers()).toEqual(a?.['logits']?.toNumbers());
      const next = (results: typeof a, own: Agent) =>
        Object.fromEntries(
          Object.entries(own.policy.stateShapes(batch)).map(([name, shape]) => [
            `state/${name}`,
            tensor([results?.[`state/${name}`]?.toNumbers()].flat(9) as number[], shape),
          ]),
        );
      states = { plain: next(a, agent), wrapped: next(b, reset) };
    }
  });
});
