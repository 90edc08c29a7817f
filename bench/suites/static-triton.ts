/** `kernels/static_triton`: what the compiled Triton kernels hold that they may not, read without a GPU. */
import { z } from 'zod';
import type { Bench } from '../bench.ts';
import { Driver } from '../driver.ts';
import { figureRow, type Row } from '../row.ts';

const reportSchema = z.object({
  kernel: z.string(),
  architecture: z.string(),
  warps: z.number(),
  registers: z.number(),
  spilled_bytes: z.number(),
  local_accesses: z.number(),
  barriers: z.number(),
  atomics: z.number(),
  conversions: z.number(),
  instructions: z.number(),
  violations: z.array(z.string()),
});

export const staticTritonName = 'kernels/static_triton';

export async function staticTritonRow(bench: Bench): Promise<Row> {
  await using driver = Driver.start('static_triton', bench);
  const reports = await driver.call(z.array(reportSchema).min(1), 'report');
  const violations = reports.flatMap(({ kernel, architecture, violations }) =>
    violations.map((text) => `${kernel} on ${architecture}: ${text}`),
  );
  const what =
    'in the loop over steps: barriers between warps, atomics; anywhere: spills, registers and layout conversions above the table of kernels/triton_limits.py';
  return figureRow(
    {
      name: staticTritonName,
      unit: 'violations',
      better: 'lower',
      goal: 0,
      detail: { what, violations, reports },
    },
    [violations.length],
  );
}
