/** Encoders and cores as scripts write them: the options that differ from the defaults. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { coreOf, encoders, type CoreChanges } from '../config/index.ts';
import type { Bptt } from '../graph/index.ts';
import {
  impalaResnet as impalaResnetOf,
  makeCore,
  mlp as mlpOf,
  patchConv as patchConvOf,
  schemes,
  type Encoder,
  type ImpalaResnetOptions,
  type InitializationScheme,
  type MlpOptions,
  type PatchConvOptions,
  type SequenceCore,
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

/** What a core is told beside its own options; PyTorch's start and full back-propagation unless given. */
export interface SequenceCoreContext {
  readonly scheme?: InitializationScheme;
  /** How far gradients reach through the state: the whole unroll, or one step. */
  readonly bptt?: Bptt;
  /** Needed by `carry: 'unroll'`: steps between two resets. */
  readonly unrollLength?: number;
}

/**
 * Any core that a configuration can name, with the paper's sizes where none are given: [T, B, M] to [T, B, M'].
 *
 * @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once.
 *
 * @example policy({ core: sequenceCore({ kind: 'delta_net', modelDim: 64, numHeads: 4 }) })
 */
export function sequenceCore(options: CoreChanges, context: SequenceCoreContext = {}): SequenceCore {
  const who = 'sequenceCore({...})';
  const core = coreOf(options, who);
  const { scheme = schemes.torch, bptt = 'unroll', unrollLength = null } = context;
  if ('carry' in core && core.carry === 'unroll' && unrollLength === null) {
    throw new SrwmError(
      'CONFIG_INVALID',
      `${who}: carry "unroll" needs the number of steps of an unroll, got no unrollLength.`,
      { remedy: `Write sequenceCore({ ... }, { unrollLength: 50 }).` },
    );
  }
  return makeCore(core, { scheme, bptt, unrollLength });
}

/** Sizes of a stack of self-referential layers (Irie et al. 2022, section 3.2), and how far gradients reach. */
export type SrwmCoreOptions = Omit<Extract<CoreChanges, { readonly kind: 'srwm' }>, 'kind'> & {
  readonly bptt?: Bptt;
};

/**
 * The paper's core: layers of [SRWM, feed-forward], both residual (Irie et al. 2022); [T, B, M] to [T, B, modelDim].
 *
 * @example policy({ core: srwmCore({ modelDim: 64, numHeads: 4, numLayers: 1, ffDim: 128 }) })
 */
export function srwmCore(
  { bptt = 'unroll', ...options }: SrwmCoreOptions = {},
  scheme: InitializationScheme = schemes.torch,
): SequenceCore {
  return sequenceCore({ kind: 'srwm', ...options }, { scheme, bptt });
}
