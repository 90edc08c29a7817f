/** What each kind of core starts from: the sizes of the paper's networks on ProcGen (Irie et al. 2022, released code). */
import type { CoreConfig } from './core-schema.ts';

const stack = { modelDim: 128, numLayers: 2, ffDim: 512, finalNorm: false };
const memory = { ...stack, numHeads: 8, carry: 'episode' as const };
const selfReference = { ...memory, inputSoftmax: true, releasedNorm: true };

export const cores: { readonly [K in CoreConfig['kind']]: Extract<CoreConfig, { kind: K }> } = {
  feed_forward: { kind: 'feed_forward' },
  deep_feed_forward: { kind: 'deep_feed_forward', ...stack },
  lstm: { kind: 'lstm', modelDim: 256, carry: 'episode' },
  delta_net: { kind: 'delta_net', ...memory },
  srwm: { kind: 'srwm', ...selfReference },
  fake_sr: { kind: 'fake_sr', ...stack, numHeads: 8, releasedNorm: true },
  sr_delta: { kind: 'sr_delta', ...selfReference },
  linear_transformer: { kind: 'linear_transformer', ...memory },
  recurrent_delta: { kind: 'recurrent_delta', ...memory },
  delta_rnn: { kind: 'delta_rnn', ...memory },
  delta_delta: { kind: 'delta_delta', ...memory },
};
