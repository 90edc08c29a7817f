/** `graph/overhead`: what a traced program costs over the same program hand-written in PyTorch. */
import { z } from 'zod';
import { initializationKeys, initializationOf } from '../../src/graph/index.ts';
import { randomKey } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { Driver, pairSchema } from '../driver.ts';
import { overheadPrograms, type OverheadProgram } from '../overhead-programs.ts';
import { comparisonRow, type Row } from '../row.ts';
import { compare, takePairs } from '../statistics.ts';

const WARM_UP = 2;
const REPEATS = 20;
const SET = 'net';
/** Float32 sums in another order. */
const TOLERANCES = { loss: 1e-5, gradient: 1e-3 } as const;

/** The slowest of the own layer, the transformer and the clipped loss, forward and backward. */
export async function overheadRow(bench: Bench): Promise<Row> {
  const measured = [];
  for (const program of overheadPrograms()) measured.push(await measure(bench, program));
  const slowest = measured.reduce((a, b) => (a.ratio >= b.ratio ? a : b));
  return comparisonRow(
    {
      name: 'graph/overhead',
      unit: 's',
      better: 'lower',
      goal: 1.03,
      detail: {
        what: "forward and backward through the worker's accumulate handler against bench/rivals/overhead.py, in turns in one process; the slowest of three programs",
        program: slowest.name,
        programs: measured.map(({ name, ratio, interval, ours, rival, differences }) => ({
          name,
          ratio,
          interval,
          ours,
          rival,
          differences,
        })),
        repeats: REPEATS,
        threads: bench.threads,
      },
    },
    slowest.pairs,
  );
}

async function measure(bench: Bench, program: OverheadProgram) {
  await using driver = Driver.start('overhead', bench);
  const found = z.object({ loss: z.number(), gradient: z.number() });
  const plan = planOf(program, bench.device);
  const differences = await driver.call(found, 'open', { program: program.name, plan });
  for (const [name, tolerance] of Object.entries(TOLERANCES)) {
    const value = differences[name as keyof typeof TOLERANCES];
    if (!(value <= tolerance))
      throw new Error(`${program.name}: both sides must give one ${name}, got a difference of ${value}`);
  }
  const pair = (oursFirst: boolean) =>
    driver.call(pairSchema, 'pair', { repeats: REPEATS, ours_first: oursFirst });
  await takePairs(WARM_UP, pair);
  const pairs = await takePairs(Math.max(bench.pairs, 15), pair);
  const { median: ratio, interval, ours, rival } = compare(pairs);
  return { name: program.name, differences, pairs, ratio, interval, ours, rival };
}

function planOf({ data, loss }: OverheadProgram, device: string) {
  const initialize = initializationOf('initialize', loss.declarations);
  const key = (name: string) => ({ kind: 'key', value: Number(randomKey(1, name) & 0x7fffffffn) });
  const handles = Object.fromEntries(data.spec.outputs.map(({ name }) => [name, `data/${name}`]));
  const keys = Object.fromEntries(initializationKeys(initialize).map((name) => [name, key(name)]));
  return {
    device,
    set: SET,
    data: handles,
    prepare: [
      { verb: 'configure', body: { device } },
      ...[initialize, data, loss].map(({ hash, spec }) => ({
        verb: 'load_graph',
        body: { hash, graph: spec },
      })),
      { verb: 'create_parameters', body: { set: SET, graph: initialize.hash, inputs: keys } },
      {
        verb: 'create_optimizer',
        body: {
          optimizer: SET,
          set: SET,
          algorithm: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0 },
        },
      },
      {
        verb: 'run',
        body: { graph: data.hash, set: null, inputs: { key: key('data') }, store: handles, fetch: [] },
      },
    ],
    accumulate: {
      graph: loss.hash,
      optimizer: SET,
      inputs: Object.fromEntries(Object.entries(handles).map(([name, id]) => [name, { kind: 'handle', id }])),
      loss: 'loss',
      report: ['loss'],
    },
  };
}
