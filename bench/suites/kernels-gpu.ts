/** `kernels/h100_*`: device time of the srwm op's kernels at the paper's size; under `skipped` without a CUDA device. */
import { z } from 'zod';
import type { Bench } from '../bench.ts';
import { Driver } from '../driver.ts';
import { CannotMeasure, figureRow, type Row } from '../row.ts';

const size = { time: 51, batch: 32, heads: 8, head_dim: 16 };
const goals = { forward: 15, backward: 40 } as const;

type Direction = keyof typeof goals;

export const gpuMeasurements = (Object.keys(goals) as Direction[]).map((direction) => ({
  name: `kernels/h100_${direction}`,
  measure: (bench: Bench): Promise<Row> => gpuRow(bench, direction),
}));

async function gpuRow(bench: Bench, direction: Direction): Promise<Row> {
  if (bench.device === 'cpu') {
    throw new CannotMeasure('it needs an NVIDIA H100, and this machine has no CUDA device');
  }
  await using driver = Driver.start('srwm_gpu', bench);
  const opened = await driver.call(
    z.object({ implementation: z.string(), reason: z.string(), device_name: z.string() }),
    'open',
    { ...size, device: bench.device },
  );
  const values: number[] = [];
  for (let index = 0; index < bench.pairs; index++) {
    values.push(await driver.call(z.number(), 'microseconds', { direction }));
  }
  return figureRow(
    {
      name: `kernels/h100_${direction}`,
      unit: 'us',
      better: 'lower',
      goal: goals[direction],
      detail: { what: `kernel time of one ${direction} pass, 20 in one CUDA graph`, ...size, ...opened },
    },
    values,
  );
}
