/** Sizes of the paper's networks: trainable parameters and carried numbers, to the last one. */
import { describe, expect, it } from 'vitest';
import { parseAssignment, presets, resolveConfig } from '../../../src/config/index.ts';
import { CORE_KINDS, type CoreKind } from '../../../src/models/index.ts';
import { describeConfig, graphsOf } from '../../../src/runs/describe.ts';
import { agentOf } from '../../../src/train/index.ts';

const easy = (...sets: readonly string[]) =>
  resolveConfig(presets.procgenEasy(), 'preset', sets.map(parseAssignment));

/** Trainable parameters with 15 actions, and carried numbers an env, as counted in the released code. */
const PUBLISHED: Readonly<Record<CoreKind, readonly [parameters: number, carried: number]>> = {
  feed_forward: [626_272, 0],
  deep_feed_forward: [921_168, 0],
  lstm: [1_153_616, 512],
  delta_net: [1_054_800, 4096],
  srwm: [967_760, 13_312],
  fake_sr: [958_544, 0],
  sr_delta: [976_208, 25_856],
  linear_transformer: [1_052_752, 4096],
  recurrent_delta: [1_067_344, 4352],
  delta_rnn: [1_122_384, 8448],
  // The released DeltaDelta does not run; its shapes say this.
  delta_delta: [1_122_384, 16_640],
};

describe('procgen-easy', () => {
  it.each(CORE_KINDS)('with core %s has the released number of parameters and of carried numbers', (kind) => {
    const resolved = easy(`model.core.kind=${kind}`);
    const { parameters } = describeConfig(resolved);
    const { model, train } = resolved.config;
    const spaces = { observationShape: [64, 64, 3], observationDtype: 'uint8' as const, numActions: 15 };
    const shapes = Object.values(agentOf(model, train, spaces, false).policy.stateShapes(1));
    const carried = shapes.reduce((sum, shape) => sum + shape.reduce((size, dim) => size * dim, 1), 0);
    expect([parameters.total, carried]).toEqual(PUBLISHED[kind]);
    expect(parameters.modules.reduce((total, module) => total + module.count, 0)).toBe(parameters.total);
  });

  it('has 622,144 parameters in its encoder, 97,600 of them in convolutions', () => {
    const { modules } = describeConfig(easy()).parameters;
    const count = (pattern: RegExp) =>
      modules.filter(({ name }) => pattern.test(name)).reduce((sum, one) => sum + one.count, 0);
    expect(count(/^encoder\//)).toBe(622_144);
    expect(count(/^encoder\/stage/)).toBe(97_600);
  });

  it('is the same program with a width of 1 as without, and with a width of 2 as with twice the channels', () => {
    const hashes = (...sets: readonly string[]) => graphsOf(easy(...sets)).map(({ hash }) => hash);
    expect(hashes('model.encoder.widthMultiplier=1')).toEqual(hashes());
    expect(hashes('model.encoder.widthMultiplier=2')).toEqual(hashes('model.encoder.channels=32,64,64'));
    expect(hashes('model.encoder.widthMultiplier=2')).not.toEqual(hashes());
  });

  it('has the released number of parameters in an encoder twice as wide', () => {
    const { modules } = describeConfig(easy('model.encoder.widthMultiplier=2')).parameters;
    const convolution = (from: number, to: number) => 9 * from * to + to;
    const stage = (from: number, to: number) => convolution(from, to) + 4 * convolution(to, to);
    const dense = 64 * 8 * 8 * 256 + 256;
    const encoder = modules.filter(({ name }) => name.startsWith('encoder/'));
    expect(encoder.reduce((sum, { count }) => sum + count, 0)).toBe(
      stage(3, 32) + stage(32, 64) + stage(64, 64) + dense,
    );
  });
});
