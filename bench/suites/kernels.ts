/**
 * `kernels/*`: ops of `kernels/` against loops of PyTorch. Both sides are given as throughput, so that `ratio` is how
 * many times faster ours is.
 */
import { z } from 'zod';
import type { Bench } from '../bench.ts';
import { Driver, pairSchema } from '../driver.ts';
import { CannotMeasure, comparisonRow, type Row } from '../row.ts';
import { takePairs, type Pair } from '../statistics.ts';

/** Both sides agree within this before any time is reported: float32 sums in another order, 51 steps deep. */
const TOLERANCE = 1e-4;
const WARM_UP = 2;
/** Seconds that a compiler gets so that the suite stays within its eight minutes, and with `--full`. */
const COMPILE_LIMIT = { usual: 150, full: 1800 };

const openedSchema = z.object({
  difference: z.number(),
  implementation: z.string(),
  reason: z.string(),
  threads: z.number(),
  compile_seconds: z.number().nullable(),
});

interface Size {
  readonly time: number;
  readonly batch: number;
  readonly heads: number;
  readonly head_dim: number;
}

interface Case {
  readonly name: string;
  readonly driver: 'srwm' | 'delta_rule';
  readonly what: string;
  readonly size: Size;
  /** Of the program `srwm`: its loop of PyTorch. */
  readonly rival?: 'packed' | 'op_for_op' | 'compiled' | 'eager_step';
  /** Default: those of the run. */
  readonly threads?: number;
  readonly goal: number;
}

const paper = { time: 51, batch: 32, heads: 8, head_dim: 16 };
const gradients = 'forward and backward, autograd included, against ';

export const kernelCases: readonly Case[] = [
  {
    name: 'kernels/srwm_packed',
    driver: 'srwm',
    what: `${gradients}rivals/srwm_loop.py: packed matrices, one product for all`,
    size: paper,
    rival: 'packed',
    goal: 28,
  },
  {
    name: 'kernels/srwm_op_for_op',
    driver: 'srwm',
    what: `${gradients}rivals/srwm_op_for_op.py: the operations of the published Python loop`,
    size: paper,
    rival: 'op_for_op',
    goal: 80,
  },
  {
    name: 'kernels/srwm_compiled',
    driver: 'srwm',
    what: `${gradients}torch.compile of rivals/srwm_loop.py; compiling is not part of the ratio`,
    size: paper,
    rival: 'compiled',
    threads: 1,
    goal: 7,
  },
  {
    name: 'kernels/srwm_wide',
    driver: 'srwm',
    what: `${gradients}rivals/srwm_loop.py`,
    size: { time: 76, batch: 8, heads: 8, head_dim: 64 },
    rival: 'packed',
    goal: 15,
  },
  {
    name: 'kernels/srwm_many',
    driver: 'srwm',
    what: `${gradients}rivals/srwm_loop.py`,
    size: { ...paper, batch: 256 },
    rival: 'packed',
    goal: 28,
  },
  {
    name: 'kernels/step_8',
    driver: 'srwm',
    what: 'one step of acting in place, dispatch included, against one step of rivals/srwm_loop.py in place',
    size: { ...paper, time: 1, batch: 1 },
    rival: 'eager_step',
    goal: 8,
  },
  {
    name: 'kernels/step_384',
    driver: 'srwm',
    what: 'one step of acting in place, dispatch included, against one step of rivals/srwm_loop.py in place',
    size: { ...paper, time: 1, batch: 48 },
    rival: 'eager_step',
    goal: 15,
  },
  {
    name: 'kernels/delta_rule',
    driver: 'delta_rule',
    what: `${gradients}rivals/delta_rule_loop.py`,
    size: paper,
    goal: 25,
  },
];

export async function kernelRow(
  bench: Bench,
  { name, driver: program, what, size, rival, threads = bench.threads, goal }: Case,
): Promise<Row> {
  await using driver = Driver.start(program, bench);
  const limit = bench.full ? COMPILE_LIMIT.full : COMPILE_LIMIT.usual;
  const choice = rival === undefined ? {} : { rival, limit };
  const opened = await driver.call(openedSchema, 'open', {
    ...size,
    ...choice,
    device: bench.device,
    threads,
  });
  if (opened.compile_seconds === null) {
    throw new CannotMeasure(`torch.compile took more than ${limit} s here; --full gives it longer`);
  }
  if (opened.implementation === 'reference') {
    throw new CannotMeasure(`only the reference serves ${bench.device}: ${opened.reason}`);
  }
  if (!(opened.difference <= TOLERANCE)) {
    throw new Error(`both sides must agree within ${TOLERANCE}, got a difference of ${opened.difference}`);
  }
  const { time, batch, heads } = size;
  const take = async (oursFirst: boolean): Promise<Pair> => {
    const seconds = await driver.call(pairSchema, 'pair', { ours_first: oursFirst });
    const steps = time * batch * heads;
    return { ours: steps / seconds.ours, rival: steps / seconds.rival };
  };
  await takePairs(WARM_UP, take);
  const pairs = await takePairs(bench.pairs, take);
  return comparisonRow(
    { name, unit: 'chain-steps/s', better: 'higher', goal, detail: { what, ...size, ...opened } },
    pairs,
  );
}

/** The share of a core's multiply-add peak that forward and backward reach, counted by the mathematics' own operations. */
export async function fmaShareRow(bench: Bench): Promise<Row> {
  await using driver = Driver.start('fma', bench);
  const schema = openedSchema
    .pick({ implementation: true, reason: true, threads: true })
    .extend({ operations: z.number() });
  const opened = await driver.call(schema, 'open', paper);
  if (opened.implementation === 'reference') throw new CannotMeasure(opened.reason);
  const take = (oursFirst: boolean) => driver.call(pairSchema, 'pair', { ours_first: oursFirst });
  await takePairs(WARM_UP, take);
  const pairs = await takePairs(Math.max(bench.pairs, 15), take);
  const what =
    'forward and backward (20 D C operations a chain-step) against rivals/fma_peak.cpp, one thread';
  return comparisonRow(
    {
      name: 'kernels/fma_share',
      unit: 'FLOP/s',
      better: 'higher',
      goal: 0.45,
      detail: { what, ...paper, ...opened },
    },
    pairs,
  );
}
