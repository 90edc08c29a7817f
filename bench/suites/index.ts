/** The suites: every row of `srwm bench` by its stable name. A new row is one line here. */
import type { Bench } from '../bench.ts';
import type { Row } from '../row.ts';
import { roundTripRow, shareRow } from './bridge.ts';
import { CORES } from '../program.ts';
import { bfloat16Row, endToEndRow, srwmOverFeedForwardRow } from './end-to-end.ts';
import { procgenRow } from './environment.ts';
import { ledgerRow } from './evaluate.ts';
import { readyRow } from './graph.ts';
import { grpcRow } from './grpc.ts';
import { overheadRow } from './overhead.ts';
import { typesRow } from './types.ts';
import { largeReadyRow, traceRow } from './large-graph.ts';
import { pythonCallRow } from './python-call.ts';
import { rivalCases, rivalRow } from './rivals.ts';
import { fmaShareRow, kernelCases, kernelRow } from './kernels.ts';
import { gpuMeasurements } from './kernels-gpu.ts';
import { staticCudaRow } from './kernels-static.ts';
import { updateCostRow } from './kernels-update.ts';
import { staticTritonName, staticTritonRow } from './static-triton.ts';
import { updateRow } from './update.ts';

export interface Measurement {
  /** Of the row. */
  readonly name: string;
  readonly measure: (bench: Bench) => Promise<Row>;
}

export const suites = {
  kernels: [
    ...kernelCases.map((one) => ({ name: one.name, measure: (bench: Bench) => kernelRow(bench, one) })),
    { name: 'kernels/fma_share', measure: fmaShareRow },
    { name: 'kernels/update_srwm_over_feed_forward', measure: updateCostRow },
    { name: 'kernels/static_cuda', measure: staticCudaRow },
    ...gpuMeasurements,
    { name: staticTritonName, measure: staticTritonRow },
  ],
  bridge: [
    { name: 'bridge/share', measure: shareRow },
    { name: 'bridge/round_trip', measure: roundTripRow },
    { name: 'bridge/grpc', measure: grpcRow },
    { name: 'python/call', measure: pythonCallRow },
  ],
  graph: [
    { name: 'graph/ready', measure: readyRow },
    { name: 'graph/overhead', measure: overheadRow },
    { name: 'types/check', measure: typesRow },
    { name: 'graph/ready_3000', measure: largeReadyRow },
    { name: 'trace/node', measure: (bench: Bench) => Promise.resolve(traceRow(bench)) },
  ],
  env: [{ name: 'env/procgen', measure: procgenRow }],
  train: [
    ...CORES.map((core) => ({
      name: `update/${core}` as const,
      measure: (bench: Bench) => updateRow(bench, core),
    })),
    { name: 'end_to_end/feed_forward', measure: (bench: Bench) => endToEndRow(bench, 'feed_forward') },
    { name: 'end_to_end/srwm', measure: (bench: Bench) => endToEndRow(bench, 'srwm') },
    { name: 'end_to_end/srwm_over_feed_forward', measure: srwmOverFeedForwardRow },
    { name: 'evaluate/ledger', measure: ledgerRow },
    // Async, so that what this machine cannot measure is a rejection like any other.
    { name: 'end_to_end/bfloat16', measure: async (bench: Bench) => bfloat16Row(bench) },
    ...rivalCases.map((one) => ({ name: one.name, measure: (bench: Bench) => rivalRow(bench, one) })),
  ],
} as const satisfies Record<string, readonly Measurement[]>;

export type SuiteName = keyof typeof suites;
export const suiteNames = Object.keys(suites) as SuiteName[];

/** Every row of a suite, in the order in which they are measured. */
export function rowNames(suite: SuiteName): string[] {
  return suites[suite].map(({ name }) => name);
}
