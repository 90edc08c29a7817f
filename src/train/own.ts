/** Parts of a run that a script brings itself, beside its configuration. */
import type { Encoder, PolicyDefinition, SequenceCore } from '../models/index.ts';
import type { Objective } from '../objectives/index.ts';
import type { GradientTransform } from './gradient-transform.ts';

/** Each replaces what the configuration says of it. */
export interface OwnParts {
  /** Observations [N, ...] to features [N, M]. */
  readonly encoder?: Encoder;
  /** The sequence core, [T, B, M] to [T, B, M']. */
  readonly core?: SequenceCore;
  /** The whole agent; it is given the encoder and the core above or those of the configuration. */
  readonly policy?: PolicyDefinition;
  /** The loss. */
  readonly loss?: Objective;
  /** What becomes of the gradients before they are clipped and the optimizer steps. */
  readonly gradients?: GradientTransform;
}

export const OWN_PARTS = [
  'encoder',
  'core',
  'policy',
  'loss',
  'gradients',
] as const satisfies (keyof OwnParts)[];

/** The names of the parts that are there. */
export function ownNames(own: OwnParts): string[] {
  return OWN_PARTS.filter((name) => own[name] !== undefined);
}
