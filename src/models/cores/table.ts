/** Every core by the kind that a configuration calls it: adding one is a file and a line here. */
import { carrying, type Carry } from './carry.ts';
import type { CoreContext, SequenceCore } from './core.ts';
import { deepFeedForwardCore } from './deep-feed-forward.ts';
import { deltaDeltaCore } from './delta-delta.ts';
import { deltaNetCore } from './delta-net.ts';
import { deltaRnnCore } from './delta-rnn.ts';
import { fakeSrCore } from './fake-sr.ts';
import { feedForwardCore } from './feed-forward.ts';
import { linearTransformerCore } from './linear-transformer.ts';
import { lstmCore } from './lstm.ts';
import { recurrentDeltaCore } from './recurrent-delta.ts';
import { srDeltaCore } from './sr-delta.ts';
import { srwmCore } from './srwm.ts';

const coreTable = {
  feed_forward: feedForwardCore as (options: object) => SequenceCore,
  deep_feed_forward: deepFeedForwardCore,
  lstm: lstmCore,
  delta_net: deltaNetCore,
  srwm: srwmCore,
  fake_sr: fakeSrCore,
  sr_delta: srDeltaCore,
  linear_transformer: linearTransformerCore,
  recurrent_delta: recurrentDeltaCore,
  delta_rnn: deltaRnnCore,
  delta_delta: deltaDeltaCore,
};

/** What a core is called in a configuration. */
export type CoreKind = keyof typeof coreTable;

/** Every kind, in the order of the table. */
export const CORE_KINDS = Object.keys(coreTable) as CoreKind[];

/** The options of each kind, told apart by `kind`. */
export type CoreOptions = {
  readonly [K in CoreKind]: { readonly kind: K } & Parameters<(typeof coreTable)[K]>[0];
}[CoreKind];

/** The core of those options, its state kept as long as they say. */
export function makeCore(options: CoreOptions, context: CoreContext): SequenceCore {
  const make = coreTable[options.kind] as (options: CoreOptions, context: CoreContext) => SequenceCore;
  const carry: Carry = 'carry' in options ? options.carry : 'episode';
  return carrying(make(options, context), carry, context.unrollLength);
}
