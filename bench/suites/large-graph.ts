/** `trace/node` and `graph/ready_3000`: what tracing costs a node, and a large graph from source to ready. */
import { tensorSpec, trace, type Graph, type Tensor } from '../../src/graph/index.ts';
import { Session } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { figureRow, type Row } from '../row.ts';

const NODES = 3000;

/** A chain of small operations of many kinds, every node needed by the output. */
function traceLarge(): Graph {
  return trace('large', { x: tensorSpec([16, 16]), w: tensorSpec([16, 16]) }, ({ x, w }) => {
    let y: Tensor = x;
    for (let made = 0; made < NODES; made += 6) {
      y = y.matmul(w).add(x).tanh().reshape([256]).mul(0.5).reshape([16, 16]);
    }
    return { y };
  });
}

/** Microseconds a node from the author's function to a verified, hashed graph, call sites read. */
export function traceRow(bench: Bench): Row {
  traceLarge();
  const values: number[] = [];
  for (let pair = 0; pair < bench.pairs; pair++) {
    const started = performance.now();
    const { spec } = traceLarge();
    values.push(((performance.now() - started) * 1000) / spec.nodes.length);
  }
  return figureRow(
    {
      name: 'trace/node',
      unit: 'us',
      better: 'lower',
      goal: 25,
      detail: { what: 'tracing a node: rules, call site, verification and hash', nodes: NODES },
    },
    values,
  );
}

/** Seconds to trace, send and build a graph of 3,000 nodes in a worker that has built graphs before. */
export async function largeReadyRow(bench: Bench): Promise<Row> {
  const hardware = { device: bench.device, precision: 'float32', threads: bench.threads } as const;
  await using session = await Session.start(bench.places, hardware, { logFile: null, signal: bench.signal });
  const values: number[] = [];
  for (let pair = 0; pair <= bench.pairs; pair++) {
    const started = performance.now();
    const graph = traceLarge();
    // Another hash, for the worker would not build the same graph again.
    await session.call('load_graph', { hash: `${graph.hash}-${pair}`, graph: graph.spec });
    if (pair > 0) values.push((performance.now() - started) / 1000);
  }
  return figureRow(
    {
      name: 'graph/ready_3000',
      unit: 's',
      better: 'lower',
      goal: 1.5,
      detail: { what: 'trace, send and build of a graph of 3,000 nodes in a warm worker', nodes: NODES },
    },
    values,
  );
}
