/** Whether a network can read what an environment shows, which for some environments is known when they open. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { ModelConfig } from '../config/index.ts';
import type { Dtype } from '../graph/index.ts';

/** What an environment offers: the worker says so when a pool is opened. */
export interface Spaces {
  /** Of one observation, without time and batch. */
  readonly observationShape: readonly number[];
  readonly observationDtype: Dtype;
  readonly numActions: number;
  /** A limit may cut episodes short; then the value of the final observation takes the place of what is missing. */
  readonly truncates?: boolean;
}

/** @throws SrwmError CONFIG_INVALID where the configured encoder cannot read observations of this form. */
export function requireReadable({ encoder }: ModelConfig, { observationShape }: Spaces): void {
  if (encoder.kind === 'mlp') return;
  const form = `[${observationShape.join(', ')}]`;
  const side = encoder.kind === 'patch_conv' ? encoder.patch : encoder.spaceToDepth;
  const [height = 0, width = 0, channels] = observationShape;
  if (channels === undefined || observationShape.length !== 3) {
    throw new SrwmError(
      'CONFIG_INVALID',
      `model.encoder.kind must be mlp for observations that are no images [height, width, channels], got ${encoder.kind} for ${form}.`,
      { remedy: 'Set model.encoder.kind=mlp.' },
    );
  }
  if (height % side !== 0 || width % side !== 0) {
    throw new SrwmError(
      'CONFIG_INVALID',
      `model.encoder: image sides must be multiples of its patches (${side}), got ${form}.`,
      { remedy: 'Change its patches, or resize the images in the environment.' },
    );
  }
}

/** Pixels are large and other numbers are small: a scale made for one does not suit the other. */
export function scaleWarnings({ encoder }: ModelConfig, { observationDtype }: Spaces): string[] {
  const isPixel = observationDtype === 'uint8';
  const suits = isPixel ? encoder.scale <= 0.1 : encoder.scale >= 0.1;
  if (suits) return [];
  return [
    `model.encoder.scale is ${encoder.scale}, but observations are ${observationDtype}: ` +
      `set it to ${isPixel ? '1/255 (0.0039)' : '1'} unless they are scaled that way.`,
  ];
}
