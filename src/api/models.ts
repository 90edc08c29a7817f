/** Encoders and cores as scripts write them: the options that differ from the defaults. */
import { cores, encoders } from '../config/index.ts';
import {
  impalaResnet as impalaResnetOf,
  mlp as mlpOf,
  patchConv as patchConvOf,
  schemes,
  srwmCore as srwmCoreOf,
  type Encoder,
  type ImpalaResnetOptions,
  type InitializationScheme,
  type MlpOptions,
  type PatchConvOptions,
  type SequenceCore,
  type SrwmCoreOptions,
} from '../models/index.ts';

/**
 * The residual network of IMPALA (Espeholt et al. 2018, fig. 3): uint8 [N, Y, X, C] to float32 [N, outputDim].
 *
 * @example policy({ encoder: impalaResnet({ channels: [32, 64, 64] }) })
 */
export function impalaResnet(
  options: Partial<ImpalaResnetOptions> = {},
  scheme: InitializationScheme = schemes.torch,
): Encoder {
  return impalaResnetOf({ ...encoders.impala_resnet, ...options }, scheme);
}

/**
 * Patches, strided convolutions, one dense layer: a tenth of the residual network's arithmetic. uint8 [N, Y, X, C] to
 * float32 [N, outputDim].
 *
 * @example policy({ encoder: patchConv({ patch: 4, channels: [16, 32], outputDim: 128 }) })
 */
export function patchConv(
  options: Partial<PatchConvOptions> = {},
  scheme: InitializationScheme = schemes.torch,
): Encoder {
  return patchConvOf({ ...encoders.patch_conv, ...options }, scheme);
}

/**
 * Dense layers with ReLU over flattened observations [N, ...]: float32 [N, last size].
 *
 * @example policy({ encoder: mlp({ sizes: [128, 128] }) })
 */
export function mlp(
  options: Partial<MlpOptions> = {},
  scheme: InitializationScheme = schemes.torch,
): Encoder {
  return mlpOf({ ...encoders.mlp, ...options }, scheme);
}

/**
 * The paper's core: layers of [SRWM, feed-forward], both residual (Irie et al. 2022); [T, B, M] to [T, B, modelDim].
 *
 * @example policy({ core: srwmCore({ modelDim: 64, numHeads: 4, numLayers: 1, ffDim: 128 }) })
 */
export function srwmCore(
  options: Partial<SrwmCoreOptions> = {},
  scheme: InitializationScheme = schemes.torch,
): SequenceCore {
  return srwmCoreOf({ ...cores.srwm, bptt: 'unroll', ...options }, scheme);
}
