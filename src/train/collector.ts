/** Collects unrolls: the one place that knows how an act graph, a pool and the handles of an unroll fit together. */
import type { Lane } from '../../bridge/protocol/envelope.ts';
import type { ReplyBody, RequestBody } from '../../bridge/protocol/messages.ts';
import type { Graph } from '../graph/index.ts';
import { actGraph, initialStateGraph, noiseGraph, stateNames, type Agent, type Play } from './agent.ts';
import { handle, key, type Session } from './session.ts';

/** Handles of an unroll: `observation`, `reward` and `isFirst` [T + 1, B, ...], the others [T, B, ...]. */
export interface UnrollHandles {
  readonly observation: string;
  readonly reward: string;
  readonly isFirst: string;
  readonly action: string;
  readonly logits: string;
  readonly baseline: string;
  /** The value of the final observation where a limit cut an episode short, else 0; only where that can happen. */
  readonly finalValue: string;
}

/** Unrolls lie in one of two places, so that one can be collected while the other is learnt from. */
export type Place = 0 | 1;

const places: readonly [UnrollHandles, UnrollHandles] = [handlesUnder('unroll'), handlesUnder('unroll/1')];

/** The handles of an unroll, or of columns that lie elsewhere. */
export function handlesUnder(prefix: string): UnrollHandles {
  return {
    observation: `${prefix}/observation`,
    reward: `${prefix}/reward`,
    isFirst: `${prefix}/is_first`,
    action: `${prefix}/action`,
    logits: `${prefix}/logits`,
    baseline: `${prefix}/baseline`,
    finalValue: `${prefix}/final_value`,
  };
}

export interface CollectorOptions {
  readonly agent: Agent;
  readonly set: string;
  readonly pool: string;
  readonly numEnvs: number;
  readonly unrollLength: number;
  readonly play: Play;
  /** Prefix of the carried state's handles: an evaluation must not touch those of training. */
  readonly owner: string;
  /** False keeps nothing but episode records. */
  readonly keep: boolean;
  /** Where its requests wait their turn; left out: behind all others. */
  readonly lane?: Lane | undefined;
}

export class Collector {
  readonly graphs: readonly Graph[];
  readonly #session: Session;
  readonly #options: CollectorOptions;
  readonly #act: Graph;
  readonly #noise: Graph | null;

  constructor(session: Session, options: CollectorOptions) {
    this.#session = session;
    this.#options = options;
    this.#act = actGraph(options.agent, options.numEnvs, options.play);
    this.#noise = options.play === 'sampled' ? noiseGraph(options.unrollLength, options.numEnvs) : null;
    this.graphs = [this.#act];
  }

  /** Handles that hold the core state between unrolls. */
  get stateHandles(): readonly string[] {
    return stateNames(this.#options.agent).map((name) => this.#carried(name));
  }

  /** Handles that hold the core state as it was before the last unroll in place 0, by core-state name. */
  get initialHandles(): Readonly<Record<string, string>> {
    return this.#initialIn(0);
  }

  /** What lies in a place: the unroll, and the core state before its first step. */
  handlesOf(place: Place) {
    return { unroll: places[place], initialState: this.#initialIn(place) };
  }

  /** Every handle of a place. */
  allHandlesOf(place: Place): string[] {
    const { finalValue, ...always } = places[place];
    const final = this.#options.agent.truncates === true ? [finalValue] : [];
    return [...Object.values(always), ...final, ...Object.values(this.#initialIn(place))];
  }

  #initialIn(place: Place): Readonly<Record<string, string>> {
    const prefix = `${this.#options.owner}/initial${place === 0 ? '' : '/1'}`;
    return Object.fromEntries(stateNames(this.#options.agent).map((name) => [name, `${prefix}/${name}`]));
  }

  /** Zero core state for every slot. */
  async reset(): Promise<void> {
    const graph = initialStateGraph(this.#options.agent, this.#options.numEnvs);
    if (graph === null) return;
    const store = Object.fromEntries(
      stateNames(this.#options.agent).map((name) => [`state/${name}`, this.#carried(name)]),
    );
    await this.#session.run(graph, { store });
  }

  async prepare(): Promise<void> {
    await this.#session.load(this.#act);
    if (this.#noise !== null) await this.#session.load(this.#noise);
  }

  /** One unroll; `noiseKey` decides every sampled action of it. */
  async collect(
    noiseKey: bigint,
    { place = 0, version }: { readonly place?: Place; readonly version?: number } = {},
  ): Promise<ReplyBody<'collect'>> {
    const { set, pool, unrollLength, keep, owner, agent, lane } = this.#options;
    const noiseHandle = `${owner}/noise`;
    const unroll = places[place];
    if (this.#noise !== null) {
      const inputs = { key: key(noiseKey) };
      await this.#session.run(this.#noise, { inputs, store: { noise: noiseHandle }, lane });
    }
    const request: RequestBody<'collect'> = {
      graph: this.#act.hash,
      set,
      ...(version !== undefined && { version }),
      pool,
      length: unrollLength,
      inputs: {},
      per_step: this.#noise === null ? {} : { noise: handle(noiseHandle) },
      feed: { observation: 'observation', reward: 'reward', is_first: 'is_first', level: null },
      carry: stateNames(agent).map((name) => ({
        input: `state/${name}`,
        output: `state/${name}`,
        handle: this.#carried(name),
      })),
      action: 'action',
      record: keep ? { action: unroll.action, logits: unroll.logits, baseline: unroll.baseline } : {},
      store: {
        observation: keep ? unroll.observation : null,
        reward: keep ? unroll.reward : null,
        is_first: keep ? unroll.isFirst : null,
      },
      final: keep && agent.truncates ? { output: 'baseline', handle: unroll.finalValue } : null,
      initial: Object.values(this.#initialIn(place)),
    };
    return this.#session.call('collect', request, [], lane);
  }

  #carried(name: string): string {
    return `${this.#options.owner}/state/${name}`;
  }
}
