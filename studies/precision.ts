/**
 * Whether bfloat16 learns what float32 learns: the quickstart in both, five seeds each, resumable.
 *
 *     npx srwm sweep studies/precision.ts
 *
 * Encoder and dense layers compute in `hardware.precision`; fast weights, losses and optimizer state stay float32. At its
 * end each run plays every training level and 200 unseen ones once.
 */
import { defineSweep, presets } from 'srwm';

const shared = { evaluation: { protocol: 'ledger', blindSearch: { rounds: 0 } } } as const;

export default defineSweep({
  runs: {
    float32: presets.quickstart({ ...shared, hardware: { precision: 'float32' } }),
    bfloat16: presets.quickstart({ ...shared, hardware: { precision: 'bfloat16' } }),
  },
  seeds: [1, 2, 3, 4, 5],
  jobs: 2,
});
