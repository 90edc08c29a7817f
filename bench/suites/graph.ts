/** `graph/*`: from a TypeScript function to a graph that is ready to run. */
import { Session } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { easyConfig, SPACES, traceUpdate, type Core } from '../program.ts';
import { figureRow, type Row } from '../row.ts';
import { median } from '../statistics.ts';
import { agentOf } from '../../src/train/index.ts';

/** Trace, send and build of the procgen-easy update, in a worker that has built graphs before; the slower core. */
export async function readyRow(bench: Bench): Promise<Row> {
  const hardware = { device: bench.device, precision: 'float32', threads: bench.threads } as const;
  await using session = await Session.start(bench.places, hardware, { logFile: null, signal: bench.signal });
  const cores = [];
  for (const core of ['feed_forward', 'srwm'] as const) cores.push(await timesOf(session, bench, core));
  const slowest = cores.reduce((a, b) => (median(a.seconds) >= median(b.seconds) ? a : b));
  return figureRow(
    {
      name: 'graph/ready',
      unit: 's',
      better: 'lower',
      goal: 1,
      detail: {
        what: 'trace, send and build of the procgen-easy update in a warm worker, the slower of both cores',
        core: slowest.core,
        cores: cores.map(({ core, nodes, first, seconds, trace, build }) => ({
          core,
          nodes,
          seconds: median(seconds),
          trace_seconds: median(trace),
          build_seconds: median(build),
          first_in_a_fresh_worker_seconds: first,
        })),
      },
    },
    slowest.seconds,
  );
}

async function timesOf(session: Session, bench: Bench, core: Core) {
  const { config } = easyConfig(core, bench.assignments);
  const made = {
    core,
    nodes: 0,
    first: 0,
    seconds: [] as number[],
    trace: [] as number[],
    build: [] as number[],
  };
  for (let index = 0; index <= bench.pairs; index++) {
    const started = performance.now();
    const graph = traceUpdate(config, agentOf(config.model, config.train, SPACES, false));
    const traced = performance.now();
    // Another hash, for the worker would not build the same graph again.
    const { build_seconds: build } = await session.call('load_graph', {
      hash: `${graph.hash}-${index}`,
      graph: graph.spec,
    });
    const seconds = (performance.now() - started) / 1000;
    made.nodes = graph.spec.nodes.length;
    if (index === 0) {
      made.first = seconds;
      continue;
    }
    made.seconds.push(seconds);
    made.trace.push((traced - started) / 1000);
    made.build.push(build);
  }
  return made;
}
