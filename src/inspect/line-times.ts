/** Times of graph nodes, folded onto the author's lines. */
import type { NodeTime } from '../../bridge/protocol/messages.ts';
import type { GraphSpec, NodeSpec } from '../../bridge/protocol/graph-spec.ts';

/** Seconds that one line of TypeScript took in the worker. */
export interface LineTime {
  readonly file: string;
  readonly line: number;
  /** Operations that the line made, in the order of their time. */
  readonly ops: readonly string[];
  readonly act_seconds: number;
  readonly forward_seconds: number;
  readonly backward_seconds: number;
  /** The three together. */
  readonly seconds: number;
  /** Runs of its nodes. */
  readonly calls: number;
}

interface Sum {
  readonly ops: Map<string, number>;
  act: number;
  forward: number;
  backward: number;
  calls: number;
}

/**
 * One row a line, the longest first.
 *
 * @param graphs every graph that `nodes` name, by hash.
 * @param acting hashes of graphs whose forward pass counts as acting.
 */
export function lineTimes(
  nodes: readonly NodeTime[],
  graphs: ReadonlyMap<string, { readonly spec: GraphSpec }>,
  acting: ReadonlySet<string>,
): LineTime[] {
  const sums = new Map<string, Sum>();
  for (const one of nodes) {
    const { node, place } = nodeAt(graphs.get(one.graph)?.spec, one.path);
    const key = place.replace(/:\d+$/, '');
    const sum = sums.get(key) ?? {
      ops: new Map<string, number>(),
      act: 0,
      forward: 0,
      backward: 0,
      calls: 0,
    };
    sums.set(key, sum);
    if (acting.has(one.graph)) sum.act += one.forward_seconds;
    else sum.forward += one.forward_seconds;
    sum.backward += one.backward_seconds;
    sum.calls += one.calls;
    const op = node.op.split('.')[1] ?? node.op;
    sum.ops.set(op, (sum.ops.get(op) ?? 0) + one.forward_seconds + one.backward_seconds);
  }
  return [...sums]
    .map(([key, { ops, act, forward, backward, calls }]) => {
      const at = key.lastIndexOf(':');
      return {
        file: at < 0 ? key : key.slice(0, at),
        line: at < 0 ? 0 : Number(key.slice(at + 1)),
        ops: [...ops].sort(([, a], [, b]) => b - a).map(([op]) => op),
        act_seconds: act,
        forward_seconds: forward,
        backward_seconds: backward,
        seconds: act + forward + backward,
        calls,
      };
    })
    .sort((a, b) => b.seconds - a.seconds);
}

/** The node behind a path of indices, and its `file:line:column`. */
function nodeAt(
  spec: GraphSpec | undefined,
  path: readonly number[],
): { readonly node: NodeSpec; readonly place: string } {
  const [index = -1, ...rest] = path;
  const node = spec?.nodes[index];
  if (spec === undefined || node === undefined)
    throw new Error('internal: a profile names a node that is not');
  return rest.length === 0
    ? { node, place: spec.locs[node.loc] ?? 'unknown' }
    : nodeAt(node.body ?? undefined, rest);
}
