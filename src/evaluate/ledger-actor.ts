/** Acting for a ledger: the graph of a step, the noise of sampled actions, and what is carried from step to step. */
import { hostTensor, type HostTensor } from '../../bridge/client/index.ts';
import type { ReplyBody } from '../../bridge/protocol/messages.ts';
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
import { withoutFormerReward } from './policies.ts';

const OWNER = 'evaluate/ledger';
const STEP = 'ledger/step';

export interface LedgerActorOptions {
  readonly session: Session;
  readonly agent: Agent;
  readonly pool: OpenPool;
  readonly play: Play;
  readonly seed: number;
  /** Handle that the observations of each unroll are kept under, [CHUNK + 1, B, ...]; without it none are. */
  readonly observation?: string;
  /** Name of the random key of a slot's actions, by its game and number; by default the game alone decides. */
  readonly saltOf?: (game: string, slot: number) => string;
}

/**
 * Acts for a ledger, an unroll at a time. A sampled action depends on the seed, the game, the level and the step in its
 * episode, so that results depend neither on slots nor on what they played before.
 */
export class LedgerActor {
  readonly #options: LedgerActorOptions;
  readonly #agent: Agent;
  readonly #graph: Graph;
  readonly #salt: HostTensor;

  private constructor(options: LedgerActorOptions) {
    this.#options = options;
    this.#agent = withoutFormerReward(options.agent);
    this.#graph = ledgerGraph(this.#agent, options.pool.numEnvs, options.play);
    const { saltOf = (game: string) => `evaluate/ledger/${game}` } = options;
    const salts = options.pool.games.map(
      (game, slot) => randomKey(options.seed, saltOf(game, slot)) & 0xffffffffn,
    );
    this.#salt = hostTensor('int64', BigInt64Array.from(salts), [1, salts.length]);
  }

  static async make(options: LedgerActorOptions): Promise<LedgerActor> {
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

  async collect(): Promise<ReplyBody<'collect'>> {
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
      store: { observation: this.#options.observation ?? null, reward: null, is_first: null },
      final: null,
      initial: carried.map((name) => `${OWNER}/initial/${name}`),
    };
    return session.call('collect', body, isSampled ? [this.#salt] : []);
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
