/** `kernels/static_cuda`: registers, spills, barriers and atomics of the CUDA kernels, compiled without a GPU. */
import { z } from 'zod';
import type { Bench } from '../bench.ts';
import { Driver } from '../driver.ts';
import { figureRow, type Row } from '../row.ts';

const measuredSchema = z.object({
  kernels: z.record(z.string(), z.record(z.string(), z.number())),
  violations: z.array(z.string()),
});

/** How many of the promises of `kernels/cuda_ceilings.py` a compiled kernel breaks; none is the goal. */
export async function staticCudaRow(bench: Bench): Promise<Row> {
  await using driver = Driver.start('static_cuda', bench);
  const { kernels, violations } = await driver.call(measuredSchema, 'measure');
  const what =
    'promises broken by a CUDA kernel on an architecture: registers, spills, local memory, barriers, atomics';
  return figureRow(
    {
      name: 'kernels/static_cuda',
      unit: 'violations',
      better: 'lower',
      goal: 0,
      detail: { what, violations, kernels },
    },
    [violations.length],
  );
}
