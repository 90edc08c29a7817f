/** Collects unrolls: the one place that knows how an act graph, a pool and the handles of an unroll fit together. */
import type { ReplyBody } from '../../bridge/protocol/messages.ts';
import type { Graph } from '../graph/index.ts';
import { actGraph, initialStateGraph, noiseGraph, stateNames, type Agent, type Play } from './agent.ts';
import { handle, key, type Session } from './session.ts';

/** Handles of an unroll, all `[T + 1, B, ...]` or `[T, B, ...]`; `initial/...` is the core state before its first step. */
export const UNROLL = {
  observation: 'unroll/observation',
  reward: 'unroll/reward',
  isFirst: 'unroll/is_first',
  action: 'unroll/action',
  logits: 'unroll/logits',
  baseline: 'unroll/baseline',
} as const;

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

  /** Handles that hold the core state as it was before the last unroll, by core-state name. */
  get initialHandles(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      stateNames(this.#options.agent).map((name) => [name, `${this.#options.owner}/initial/${name}`]),
    );
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
  async collect(noiseKey: bigint): Promise<ReplyBody<'collect'>> {
    const { set, pool, unrollLength, keep, owner, agent } = this.#options;
    const noiseHandle = `${owner}/noise`;
    if (this.#noise !== null) {
      await this.#session.run(this.#noise, { inputs: { key: key(noiseKey) }, store: { noise: noiseHandle } });
    }
    return this.#session.call('collect', {
      graph: this.#act.hash,
      set,
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
      record: keep ? { action: UNROLL.action, logits: UNROLL.logits, baseline: UNROLL.baseline } : {},
      store: {
        observation: keep ? UNROLL.observation : null,
        reward: keep ? UNROLL.reward : null,
        is_first: keep ? UNROLL.isFirst : null,
      },
      initial: Object.values(this.initialHandles),
    });
  }

  #carried(name: string): string {
    return `${this.#options.owner}/state/${name}`;
  }
}
