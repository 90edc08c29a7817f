/**
 * Which cores remember a cue, and with which gradients an SRWM learns to: 40 runs on the toy game recall, resumable.
 *
 *     npx tsx scripts/memory.ts             # trains them, then writes docs/results/memory.md and its pictures
 *     npx srwm sweep studies/memory.ts      # trains them only
 *
 * A cue of four is shown in the first step; in the last, `delay` steps later, the action must name it. Without memory one
 * of four is right. PPO of the preset tiny; its observations are scaled so that a cue moves the softmax of an SRWM's input,
 * which is near uniform otherwise. The seeds were not used to choose the setting.
 */
import { defineSweep, presets, type Config } from 'srwm';

type Core = NonNullable<NonNullable<NonNullable<Parameters<typeof presets.tiny>[0]>['model']>['core']>;
type Gradients = 'unroll' | 'step';

const DELAY = 6;

function agent(core: Core, bptt: Gradients = 'unroll', delay = DELAY): Config {
  return presets.tiny({
    environment: { kind: 'recall', numCues: 4, delay },
    train: { totalEnvSteps: 240_000, bptt },
    model: { encoder: { scale: 0.04 }, core, initialization: 'torch' },
    checkpoint: { everyUpdates: 5000, keep: 1 },
    evaluation: { episodes: 400, play: ['greedy'] },
    hardware: { device: 'cpu' },
  });
}

const sizes = { modelDim: 32, numLayers: 2, ffDim: 64, finalNorm: true } as const;
const heads = { ...sizes, numHeads: 4 } as const;
const srwm = { kind: 'srwm', ...heads, releasedNorm: false } as const;

export default defineSweep({
  runs: {
    // Cores, the cue 6 steps back, gradients through the unroll.
    srwm: agent(srwm),
    delta_net: agent({ kind: 'delta_net', ...heads }),
    lstm: agent({ kind: 'lstm', modelDim: 32 }),
    'srwm-no-carry': agent({ ...srwm, carry: 'step' }),
    fake_sr: agent({ kind: 'fake_sr', ...heads, releasedNorm: false }),
    feed_forward: agent({ kind: 'feed_forward' }),
    // The SRWM with gradients through one step, as in the released code; also with the cue one step back.
    'step-6': agent(srwm, 'step', DELAY),
    'step-1': agent(srwm, 'step', 1),
  },
  seeds: [11, 12, 13, 14, 15],
  jobs: 2,
});
