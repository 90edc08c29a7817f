/** Parameter sets for tests, and graphs run on them with plain numbers. */
import type { HostTensor } from '../../../bridge/client/index.ts';
import { initializationKeys, initializationOf, type Graph } from '../../../src/graph/index.ts';
import { frame, key, randomKey, type Session } from '../../../src/train/index.ts';
import { numbers } from '../../support/session.ts';

/** Makes the parameters of a graph, each from its own key; equal names and shapes start equal. None, no set. */
export async function makeSet(session: Session, set: string, graph: Graph): Promise<void> {
  if (graph.declarations.length === 0) return;
  const start = initializationOf('start', graph.declarations);
  const inputs = Object.fromEntries(
    initializationKeys(start).map((name) => [name, key(randomKey(1, name))] as const),
  );
  await session.call('create_parameters', { set, graph: await session.load(start), inputs });
}

/** Every output of a graph as numbers; the set is left aside by a graph without parameters. */
export async function runOn(
  session: Session,
  set: string,
  graph: Graph,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Readonly<Record<string, number[]>>> {
  const names = Object.keys(inputs);
  const fetch = graph.spec.outputs.map(({ name }) => name);
  const results = await session.run(graph, {
    ...(graph.declarations.length === 0 ? {} : { set }),
    inputs: Object.fromEntries(names.map((name, i) => [name, frame(i)])),
    fetch,
    tensors: names.map((name) => inputs[name] as HostTensor),
  });
  return Object.fromEntries(fetch.map((name, i) => [name, numbers(results[i])]));
}
