/**
 * Does bfloat16 in the encoder and the dense layers learn as float32 does? The quickstart in both, five seeds each.
 *
 *     npx srwm sweep studies/precision.ts
 *
 * Parameters, the core and the optimizer stay float32 in both. `srwm compare` puts the two into two groups. A processor
 * without AMX computes the same bfloat16 numbers, only not faster.
 */
import { defineSweep, presets, type Config } from 'srwm';

type Precision = NonNullable<NonNullable<Config['hardware']>['precision']>;

const quickstart = (precision: Precision): Config =>
  presets.quickstart({ hardware: { precision, threads: 1 } });

export default defineSweep({
  runs: { float32: quickstart('float32'), bfloat16: quickstart('bfloat16') },
  seeds: [1, 2, 3, 4, 5],
  jobs: 2,
});
