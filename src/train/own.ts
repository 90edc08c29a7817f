/** Parts of a run that a script brings itself, beside its configuration. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { shown } from '../graph/index.ts';
import type { Encoder, PolicyDefinition, SequenceCore } from '../models/index.ts';
import type { Objective } from '../objectives/index.ts';
import type { Curriculum } from './curriculum.ts';
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
  /** Which levels slots play next, chosen before each unroll. */
  readonly curriculum?: Curriculum;
}

export const OWN_PARTS = [
  'encoder',
  'core',
  'policy',
  'loss',
  'gradients',
  'curriculum',
] as const satisfies (keyof OwnParts)[];

/** The names of the parts that are there. */
export function ownNames(own: OwnParts): string[] {
  return OWN_PARTS.filter((name) => own[name] !== undefined);
}

/**
 * The parts that are there, each of which is what its name says.
 *
 * @throws SrwmError CONFIG_INVALID otherwise; `who` is the function that was given them.
 */
export function requireOwnParts(own: OwnParts, who: string): OwnParts {
  const unknown = Object.keys(own).filter((name) => !(OWN_PARTS as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new SrwmError(
      'CONFIG_INVALID',
      `${who}: own parts must be of ${OWN_PARTS.join(', ')}, got ${unknown.join(', ')}.`,
    );
  }
  const needs = (name: keyof OwnParts, fits: boolean, made: string): void => {
    if (own[name] === undefined || fits) return;
    throw new SrwmError('CONFIG_INVALID', `${who}: "${name}" must be ${made}, got ${shown(own[name])}.`, {
      remedy: 'See docs/writing-a-model.md.',
    });
  };
  needs('encoder', typeof own.encoder === 'function', 'a function of observations');
  needs('policy', typeof own.policy === 'function', 'made by policy({ ... })');
  needs('core', typeof own.core?.apply === 'function', 'made by stepCore(...) or { stateShapes, apply }');
  needs('loss', typeof own.loss?.compute === 'function', 'made by objective(name, ...)');
  needs('gradients', typeof own.gradients?.graphFor === 'function', 'made by gradientTransform(name, ...)');
  needs('curriculum', typeof own.curriculum?.next === 'function', 'made by curriculum(name, ...)');
  return own;
}
