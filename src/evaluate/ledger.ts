/** The level ledger: every level of a split once, from the state of a fresh slot, whichever slot plays it. */
import { hostTensor, type HostTensor } from '../../bridge/client/index.ts';
import type { Episode } from '../../bridge/protocol/messages.ts';
import { tensorSpec, trace, unobserved, where, type Graph, type Tensor } from '../graph/index.ts';
import { greedyActions, sampleActions } from '../models/index.ts';
import {
  applyPolicy,
  frame,
  initialStateGraph,
  policySpecs,
  randomKey,
  SET,
  stateNames,
  type Agent,
  type OpenPool,
  type Play,
  type Session,
} from '../train/index.ts';
import { counterNoise } from './counter-noise.ts';
import { CHUNK } from './episodes.ts';
import { LevelSchedule } from './level-schedule.ts';
import { withoutFormerReward } from './policies.ts';

const OWNER = 'evaluate/ledger';
const STEP = 'ledger/step';

/** What a ledger is played with. */
export interface LedgerOptions {
  readonly session: Session;
  readonly agent: Agent;
  readonly pool: OpenPool;
  readonly levels: readonly number[];
  readonly play: Play;
  readonly seed: number;
  readonly maxEpisodeSteps: number;
  readonly signal: AbortSignal;
}

/**
 * One episode of each level and game, in the order of games and then of `levels`. A sampled action depends on the seed,
 * the game, the level and the step in its episode, so that results depend neither on slots nor on what they played before.
 */
export async function playLedger(options: LedgerOptions): Promise<{
  readonly episodes: readonly Episode[];
  readonly envSteps: number;
}> {
  const { session, pool, levels } = options;
  const schedule = new LevelSchedule(pool.games, levels, options.maxEpisodeSteps);
  const actor = await LedgerActor.make(options);
  let chunks = 0;
  for (; !schedule.done; chunks++) {
    options.signal.throwIfAborted();
    const slots = schedule.orders();
    if (slots.length > 0) await session.call('queue_levels', { pool: pool.name, slots });
    schedule.take(await actor.collect(), CHUNK);
  }
  await actor.release();
  const places = new Map(levels.map((level, index) => [level, index]));
  const rank = ({ game, level }: Episode): number =>
    pool.games.indexOf(game) * levels.length + (places.get(level) ?? 0);
  return {
    episodes: [...schedule.rows].sort((a, b) => rank(a) - rank(b)),
    envSteps: chunks * CHUNK * pool.numEnvs,
  };
}

class LedgerActor {
  readonly #options: LedgerOptions;
  readonly #agent: Agent;
  readonly #graph: Graph;
  readonly #salt: HostTensor;

  private constructor(options: LedgerOptions) {
    this.#options = options;
    this.#agent = withoutFormerReward(options.agent);
    this.#graph = ledgerGraph(this.#agent, options.pool.numEnvs, options.play);
    const salts = options.pool.games.map(
      (game) => randomKey(options.seed, `evaluate/ledger/${game}`) & 0xffffffffn,
    );
    this.#salt = hostTensor('int64', BigInt64Array.from(salts), [1, salts.length]);
  }

  static async make(options: LedgerOptions): Promise<LedgerActor> {
    const actor = new LedgerActor(options);
    await options.session.load(actor.#graph);
    await actor.#reset();
    return actor;
  }

  async #reset(): Promise<void> {
    const { session, pool } = this.#options;
    const states = initialStateGraph(this.#agent, pool.numEnvs);
    if (states !== null) {
      const store = stateNames(this.#agent).map((name) => [`state/${name}`, `${OWNER}/state/${name}`]);
      await session.run(states, { store: Object.fromEntries(store) as Record<string, string> });
    }
    const zero = hostTensor('int64', new BigInt64Array(pool.numEnvs), [pool.numEnvs]);
    await session.call('put', { handles: [`${OWNER}/${STEP}`] }, [zero]);
  }

  async collect(): Promise<readonly Episode[]> {
    const { session, pool, play } = this.#options;
    const carried = [...stateNames(this.#agent).map((name) => `state/${name}`), STEP];
    const isSampled = play === 'sampled';
    const body = {
      graph: this.#graph.hash,
      set: SET,
      pool: pool.name,
      length: CHUNK,
      inputs: isSampled ? { salt: frame(0) } : {},
      per_step: {},
      feed: {
        observation: 'observation',
        reward: 'reward',
        is_first: 'is_first',
        level: isSampled ? 'level' : null,
      },
      carry: carried.map((name) => ({ input: name, output: name, handle: `${OWNER}/${name}` })),
      action: 'action',
      record: {},
      store: { observation: null, reward: null, is_first: null },
      final: null,
      initial: carried.map((name) => `${OWNER}/initial/${name}`),
    };
    return (await session.call('collect', body, isSampled ? [this.#salt] : [])).episodes;
  }

  async release(): Promise<void> {
    const carried = [...stateNames(this.#agent).map((name) => `state/${name}`), STEP];
    const handles = carried.flatMap((name) => [`${OWNER}/${name}`, `${OWNER}/initial/${name}`]);
    await this.#options.session.call('release', { handles });
  }
}

/** One step of acting; a sampled one reads the level, a salt of its game, and its own count of the episode's steps. */
function ledgerGraph(agent: Agent, batch: number, play: Play): Graph {
  const counters = { level: tensorSpec([1, batch], 'int64'), salt: tensorSpec([1, batch], 'int64') };
  const inputs = {
    ...policySpecs(agent, 1, batch),
    [STEP]: tensorSpec([batch], 'int64'),
    ...(play === 'sampled' ? counters : {}),
  };
  return trace(`ledger_${play}`, inputs, (given) => {
    const named = given as Readonly<Record<string, Tensor>>;
    const { is_first: isFirst, [STEP]: counted, level, salt } = named as Record<string, Tensor>;
    const step = where((isFirst as Tensor).squeeze(0), 0, counted as Tensor);
    const { logits, state } = unobserved(() => applyPolicy(agent, named));
    const action =
      play === 'greedy'
        ? greedyActions(logits)
        : sampleActions(logits, counterNoise(salt as Tensor, level as Tensor, step.unsqueeze(0)));
    const next = Object.entries(state).map(([name, tensor]) => [`state/${name}`, tensor] as const);
    return { action, ...Object.fromEntries(next), [STEP]: step.add(1) };
  });
}
