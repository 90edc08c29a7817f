/**
 * One cue is shown once; an SRWM names it four steps later, because it wrote it into its own weights. The same agent
 * without memory stays at chance.
 *
 *     npx tsx examples/srwm-remembers.ts
 *
 * with an SRWM     return 0.91
 * without memory   return 0.25
 */
import { ppo, recall, type PpoLoop } from 'srwm';

/** The mean return of the last 200 training episodes. */
async function returnOf(
  core: NonNullable<PpoLoop['model']>['core'] & object,
  totalEnvSteps: number,
): Promise<number> {
  let last = 0;
  for await (const { episode_return: mean } of ppo({
    env: recall({ numCues: 4, delay: 4, numEnvs: 32 }),
    seed: 1,
    totalEnvSteps,
    unrollLength: 16,
    batchSize: 16,
    learningRate: 2e-3,
    algorithm: { passes: 4, normalizeRewards: false },
    model: { encoder: { kind: 'mlp', sizes: [32], scale: 1 }, core, initialization: 'he_orthogonal' },
    hardware: { device: 'cpu', threads: 1 },
  })) {
    last = mean?.mean ?? last;
    if (last > 0.9) break;
  }
  return last;
}

const sizes = { modelDim: 32, numHeads: 4, numLayers: 1, ffDim: 64, finalNorm: true, releasedNorm: false };
const [remembering, forgetful] = [
  await returnOf({ kind: 'srwm', ...sizes }, 60_000),
  await returnOf({ kind: 'feed_forward' }, 15_000),
];
console.log(`with an SRWM     return ${remembering.toFixed(2)}`);
console.log(`without memory   return ${forgetful.toFixed(2)}`);
if (remembering < 0.6 || forgetful > 0.4) throw new Error('only the SRWM can remember');
