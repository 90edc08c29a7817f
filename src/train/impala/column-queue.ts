/** Columns wait, first in first out, until there are as many as an update takes: 48 slots feed batches of 32. */
import type { Config } from '../../config/index.ts';
import type { Graph } from '../../graph/index.ts';
import type { Agent } from '../agent.ts';
import { handle, type Session } from '../session.ts';
import {
  columnsUnder,
  emptyLeftOverGraph,
  mostLeftOver,
  tensorHandles,
  windowGraphs,
  windowOptions,
  type Columns,
  type WindowOptions,
} from './column-window.ts';

/** What one update takes, oldest first. */
export interface Batch {
  /** Places in the window. */
  readonly columns: readonly number[];
  /** The version of the parameters that collected each of them. */
  readonly versions: readonly number[];
}

export class ColumnQueue {
  /** Moves the window on; none where no column is ever left over. */
  readonly graphs: readonly Graph[];
  /** Handles of the columns that may be left over: a checkpoint holds them. */
  readonly stateHandles: readonly string[];
  /** Of each column that waits, oldest first: the version of the parameters that collected it. */
  waiting: readonly number[] = [];
  readonly #session: Session;
  readonly #agent: Agent;
  readonly #options: WindowOptions;
  readonly #leftOver: Readonly<Record<string, string>>;
  readonly #window: Columns;

  constructor(
    session: Session,
    agent: Agent,
    config: Pick<Config, 'train' | 'environment'>,
    withValues: boolean,
  ) {
    this.#session = session;
    this.#agent = agent;
    this.#options = windowOptions(config, withValues);
    this.#window = columnsUnder(agent, 'window');
    this.#leftOver = this.#handlesOf(columnsUnder(agent, 'left_over'), 'left_over');
    this.graphs = windowGraphs(agent, config, withValues);
    this.stateHandles = this.graphs.length === 0 ? [] : Object.values(this.#leftOver);
  }

  async prepare(fresh: boolean): Promise<void> {
    for (const graph of this.graphs) {
      await this.#session.load(graph);
      const empty = emptyLeftOverGraph(this.#agent, this.#options);
      if (fresh) await this.#session.run(empty, { store: this.#leftOver });
    }
  }

  /** Puts the columns of an unroll behind those that wait, and says where all of them lie now. */
  async push(unroll: Columns, behaviourVersion: number): Promise<Columns> {
    const versions = Array<number>(this.#options.numEnvs).fill(behaviourVersion);
    this.waiting = [...this.waiting, ...versions];
    const [graph] = this.graphs;
    if (graph === undefined) return unroll;
    const inputs = Object.entries({ ...this.#leftOver, ...this.#handlesOf(unroll, 'unroll') });
    await this.#session.run(graph, {
      inputs: Object.fromEntries(inputs.map(([name, id]) => [name, handle(id)])),
      store: { ...this.#handlesOf(this.#window, 'window'), ...this.#leftOver },
    });
    return this.#window;
  }

  /** Takes every whole batch out of the queue. */
  *batches(): Generator<Batch> {
    const { numEnvs, batchSize } = this.#options;
    const size = mostLeftOver(numEnvs, batchSize) + numEnvs;
    while (this.waiting.length >= batchSize) {
      const oldest = size - this.waiting.length;
      const versions = this.waiting.slice(0, batchSize);
      this.waiting = this.waiting.slice(batchSize);
      yield { columns: versions.map((_, i) => oldest + i), versions };
    }
  }

  #handlesOf(columns: Columns, prefix: string): Record<string, string> {
    return tensorHandles(this.#agent, columns, prefix, this.#options);
  }
}
