/** Turns an ended trace into a GraphSpec: unreached nodes dropped, values numbered, call sites read. */
import type { GraphSpec, NodeSpec } from '../../bridge/protocol/graph-spec.ts';
import { describeCallSite } from './location.ts';
import type { Tensor } from './tensor.ts';
import type { Trace, TracedNode } from './trace.ts';

export function finish(trace: Trace, outputs: ReadonlyMap<string, Tensor>): GraphSpec {
  const nodes = reached(trace, [...outputs.values()]);
  const parameters = parametersOf(nodes, [...outputs.values()]);
  const numbers = new Map<Tensor, number>();
  for (const tensor of [...trace.inputs, ...parameters, ...nodes.flatMap((node) => node.results)]) {
    numbers.set(tensor, numbers.size);
  }
  const numberOf = (tensor: Tensor): number => {
    const number = numbers.get(tensor);
    if (number === undefined) throw new Error(`internal: a value of "${trace.name}" has no number`);
    return number;
  };
  const locs = new Map<string, number>();
  return {
    version: 1,
    name: trace.name,
    inputs: trace.inputs.map(named),
    parameters: parameters.map(named),
    nodes: nodes.map((node): NodeSpec => {
      const place = describeCallSite(node.site);
      if (!locs.has(place)) locs.set(place, locs.size);
      return {
        op: node.op,
        inputs: node.inputs.map(numberOf),
        attrs: { ...node.attrs },
        results: node.results.map(({ shape, dtype }) => ({ shape: [...shape], dtype })),
        loc: locs.get(place) ?? 0,
        scope: node.scope,
        body: node.body,
      };
    }),
    outputs: [...outputs].map(([name, tensor]) => ({ name, value: numberOf(tensor) })),
    locs: [...locs.keys()],
  };
}

function named(tensor: Tensor) {
  const name = tensor.origin.kind === 'result' ? '' : tensor.origin.name;
  return { name, shape: [...tensor.shape], dtype: tensor.dtype };
}

/** The nodes that some output needs, in the order in which they were recorded. */
function reached(trace: Trace, outputs: readonly Tensor[]): TracedNode[] {
  const needed = new Set<Tensor>(outputs);
  const kept: TracedNode[] = [];
  for (const node of [...trace.nodes].reverse()) {
    if (!node.results.some((result) => needed.has(result))) continue;
    for (const input of node.inputs) needed.add(input);
    kept.push(node);
  }
  return kept.reverse();
}

/** Parameters in name order: the order of declaration must not change the hash. */
export function parametersOf(nodes: readonly TracedNode[], outputs: readonly Tensor[]): Tensor[] {
  const used = new Map<string, Tensor>();
  for (const tensor of [...nodes.flatMap((node) => [...node.inputs]), ...outputs]) {
    if (tensor.origin.kind === 'parameter') used.set(tensor.origin.name, tensor);
  }
  return [...used].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, tensor]) => tensor);
}
