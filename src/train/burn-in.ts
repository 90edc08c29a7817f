/**
 * Burn-in (Kapturowski et al. 2019): the first steps of an unroll only warm the core state up. The state that an unroll
 * starts from was made with older parameters; after these steps under the present ones the loss sees a fresher state.
 */
import { trace, unobserved, type Graph, type Tensor } from '../graph/index.ts';
import { applyPolicy, policySpecs, stateNames, type Agent } from './agent.ts';
import type { UnrollHandles } from './collector.ts';
import { handle, type Session } from './session.ts';

/** Handles of the core state behind the steps of burn-in, by core-state name. */
const warmed = (name: string): string => `burn_in/${name}`;

/** Without burn-in the tensors as they are; else steps from `steps` on: rows of all but core states and the choice of columns. */
export function afterBurnIn(
  inputs: Readonly<Record<string, Tensor>>,
  steps: number,
): Readonly<Record<string, Tensor>> {
  if (steps === 0) return inputs;
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [
      name,
      name.startsWith('state/') ? tensor : tensor.slice(0, steps),
    ]),
  );
}

/** The core state of every column after `steps` steps of an unroll of `time` steps, under the set's parameters. */
export function burnInGraph(agent: Agent, steps: number, time: number, numEnvs: number): Graph {
  return trace('burn_in', policySpecs(agent, time + 1, numEnvs), (inputs) => {
    const rows = Object.entries(inputs).map(
      ([name, tensor]) => [name, name.startsWith('state/') ? tensor : tensor.slice(0, 0, steps)] as const,
    );
    const { state } = unobserved(() => applyPolicy(agent, Object.fromEntries(rows)));
    return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [`state/${name}`, tensor]));
  });
}

/** Warms core states up before a pass over an unroll. */
export class BurnIn {
  readonly graphs: readonly Graph[];
  readonly #session: Session;
  readonly #agent: Agent;
  readonly #graph: Graph | null;

  constructor(session: Session, agent: Agent, steps: number, time: number, numEnvs: number) {
    this.#session = session;
    this.#agent = agent;
    this.#graph = steps === 0 ? null : burnInGraph(agent, steps, time, numEnvs);
    this.graphs = this.#graph === null ? [] : [this.#graph];
  }

  async prepare(): Promise<void> {
    if (this.#graph !== null) await this.#session.load(this.#graph);
  }

  /** Handles of the core state that the loss starts from; `initial` are those before the unroll. */
  async warm(
    set: string,
    unroll: UnrollHandles,
    initial: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>> {
    if (this.#graph === null) return initial;
    const names = stateNames(this.#agent);
    await this.#session.run(this.#graph, {
      set,
      inputs: {
        observation: handle(unroll.observation),
        reward: handle(unroll.reward),
        is_first: handle(unroll.isFirst),
        ...Object.fromEntries(names.map((name) => [`state/${name}`, handle(initial[name] as string)])),
      },
      store: Object.fromEntries(names.map((name) => [`state/${name}`, warmed(name)])),
    });
    return Object.fromEntries(names.map((name) => [name, warmed(name)]));
  }
}
