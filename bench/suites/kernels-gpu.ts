/** `kernels/*` rows that are about a GPU's kernels: all under `skipped` where there is none. */
import type { Bench } from '../bench.ts';
import { CannotMeasure, type Row } from '../row.ts';

/** Names of rows that need a CUDA device, and what each compares. */
const gpuRows = {
  'kernels/h100_forward': 'kernel time of the forward pass of 256 chains, T = 51, D = 16',
  'kernels/h100_backward': 'kernel time of the backward pass of 256 chains, T = 51, D = 16',
  'kernels/released_forward': 'the published CUDA kernel, forward',
  'kernels/released_backward': 'the published CUDA kernel, backward',
} as const;

export const gpuMeasurements = Object.entries(gpuRows).map(([name, what]) => ({
  name,
  measure: (bench: Bench): Promise<Row> => {
    if (bench.device === 'cpu')
      throw new CannotMeasure(`${what}: needs an NVIDIA H100, this machine has no CUDA device`);
    throw new CannotMeasure(`${what}: not written yet; the CUDA form has its own timing script`);
  },
}));
