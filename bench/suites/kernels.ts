/** `kernels/*`: ops of `kernels/` against expert loops of eager PyTorch. */
import { z } from 'zod';
import type { Bench } from '../bench.ts';
import { Driver, pairSchema } from '../driver.ts';
import { CannotMeasure, comparisonRow, type Row } from '../row.ts';
import { takePairs } from '../statistics.ts';

const TOLERANCE = 1e-4;
const openedSchema = z.object({ difference: z.number(), implementation: z.string(), reason: z.string() });

interface Case {
  readonly name: string;
  readonly time: number;
  readonly batch: number;
  readonly backward: boolean;
  readonly repeats: number;
  readonly goal: number;
}

/** Forward and backward of an update's chains, and one step of acting: 8 heads of 16 in both. */
export const srwmCases: readonly Case[] = [
  { name: 'kernels/srwm_unroll', time: 51, batch: 32, backward: true, repeats: 3, goal: 0.2 },
  { name: 'kernels/srwm_step', time: 1, batch: 96, backward: false, repeats: 50, goal: 0.5 },
];

export async function srwmRow(
  bench: Bench,
  { name, time, batch, backward, repeats, goal }: Case,
): Promise<Row> {
  await using driver = Driver.start('srwm', bench);
  const size = { time, batch, heads: 8, head_dim: 16 };
  const opened = await driver.call(openedSchema, 'open', { ...size, device: bench.device, backward });
  if (opened.implementation === 'reference') {
    throw new CannotMeasure(`only the reference serves ${bench.device}: ${opened.reason}`);
  }
  if (!(opened.difference <= TOLERANCE)) {
    throw new Error(`both sides must agree within ${TOLERANCE}, got a difference of ${opened.difference}`);
  }
  const take = (oursFirst: boolean) => driver.call(pairSchema, 'pair', { repeats, ours_first: oursFirst });
  await takePairs(2, take);
  const pairs = await takePairs(Math.max(bench.pairs, 15), take);
  const what = `srwm ${backward ? 'forward and backward' : 'forward'} against bench/rivals/srwm_loop.py`;
  return comparisonRow(
    { name, unit: 's', better: 'lower', goal, detail: { what, ...size, ...opened } },
    pairs,
  );
}
