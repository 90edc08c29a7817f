/** Encoders: from observations [N, ...] to features [N, M]. */
import { maxPool2d, relu, scope, type Tensor } from '../graph/index.ts';
import { conv2d, layerDtype, linear } from '../nn/index.ts';
import type { InitializationScheme } from './schemes.ts';

/** Observations [N, ...] to features [N, M], float32. */
export type Encoder = (observation: Tensor) => Tensor;

/** Sizes of IMPALA's residual network (Espeholt et al. 2018, figure 3). */
export interface ImpalaResnetOptions {
  /** Channels of each stage; every stage halves height and width. */
  readonly channels: readonly number[];
  /** Factor of all channels. */
  readonly widthMultiplier: number;
  /** Residual blocks a stage. */
  readonly blocks: number;
  /** Side of the pixel squares that become channels before the first stage; 1 = none. */
  readonly spaceToDepth: number;
  /** Kernel of the first stage's pooling: false leaves the first stage at its resolution. */
  readonly poolFirstStage: boolean;
  readonly outputDim: number;
  /** Pixels enter as uint8 * scale + shift. */
  readonly scale: number;
  readonly shift: number;
  /** Start of the second convolution of a block, relative to the first. */
  readonly residualGain: number;
}

/**
 * The "deep" IMPALA residual network (Espeholt et al. 2018, fig. 3): uint8 [N, Y, X, C] to float32 [N, outputDim].
 * Height, width, channel is the memory order of channels-last, so the permutation costs no copy.
 */
export function impalaResnet(options: ImpalaResnetOptions, scheme: InitializationScheme): Encoder {
  return (observation) =>
    scope('encoder', () => {
      let x = pixels(observation, options);
      options.channels.forEach((width, stage) => {
        const channels = width * options.widthMultiplier;
        x = scope(`stage${stage}`, () => {
          let y = conv2d('conv', channels, 3, { padding: 1, ...scheme.convolution(x.size(1) * 9, 1) })(x);
          if (stage > 0 || options.poolFirstStage) y = maxPool2d(y, 3, { stride: 2, padding: 1 });
          for (let block = 0; block < options.blocks; block++)
            y = residual(`block${block}`, y, options, scheme);
          return y;
        });
      });
      const features = relu(x).flatten(1);
      return relu(linear('dense', options.outputDim, scheme.dense(features.size(1), Math.SQRT2))(features));
    });
}

function pixels(observation: Tensor, options: ImpalaResnetOptions): Tensor {
  const scaled = spaceToDepth(observation, options.spaceToDepth)
    .permute([0, 3, 1, 2])
    .to(layerDtype())
    .mul(options.scale);
  return options.shift === 0 ? scaled : scaled.add(options.shift);
}

/** Squares of k x k pixels become channels: [N, Y, X, C] to [N, Y / k, X / k, k k C]. */
function spaceToDepth(x: Tensor, k: number): Tensor {
  if (k === 1) return x;
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  return x
    .reshape([n, height / k, k, width / k, k, channels])
    .permute([0, 1, 3, 2, 4, 5])
    .reshape([n, height / k, width / k, k * k * channels]);
}

function residual(
  name: string,
  x: Tensor,
  options: ImpalaResnetOptions,
  scheme: InitializationScheme,
): Tensor {
  return scope(name, () => {
    const channels = x.size(1);
    const start = (gain: number) => ({ padding: 1, ...scheme.convolution(channels * 9, gain) });
    const y = conv2d('conv0', channels, 3, start(1))(relu(x));
    return x.add(conv2d('conv1', channels, 3, start(options.residualGain))(relu(y)));
  });
}

/** Sizes of the small encoder: a dense layer over patches, then strided convolutions. */
export interface PatchConvOptions {
  /** Side of the square patches that one dense layer reads; height and width must be multiples of it. */
  readonly patch: number;
  /** Features of a patch, then channels of 3 x 3 convolutions with stride 2. */
  readonly channels: readonly number[];
  readonly outputDim: number;
  readonly scale: number;
}

/**
 * Patches, strided convolutions, one dense layer: a tenth of the residual network's arithmetic, for CPUs.
 * The first layer is a convolution with stride = kernel, written as one matrix product.
 */
export function patchConv(options: PatchConvOptions, scheme: InitializationScheme): Encoder {
  return (observation) =>
    scope('encoder', () => {
      const patches = spaceToDepth(observation, options.patch).to(layerDtype()).mul(options.scale);
      const [first = 0, ...rest] = options.channels;
      let x = relu(linear('patch', first, scheme.convolution(patches.size(-1), 1))(patches)).permute([
        0, 3, 1, 2,
      ]);
      rest.forEach((channels, i) => {
        const start = scheme.convolution(x.size(1) * 9, 1);
        x = relu(conv2d(`conv${i}`, channels, 3, { stride: 2, padding: 1, ...start })(x));
      });
      const features = x.flatten(1);
      return relu(linear('dense', options.outputDim, scheme.dense(features.size(1), Math.SQRT2))(features));
    });
}

/** Sizes of a multi-layer perceptron over flat observations, and how those are scaled. */
export interface MlpOptions {
  /** Sizes of the layers, each followed by ReLU. */
  readonly sizes: readonly number[];
  readonly scale: number;
  readonly shift: number;
}

/** Flattens any observation [N, ...] and applies dense layers with ReLU: float32 [N, last size]. */
export function mlp(options: MlpOptions, scheme: InitializationScheme): Encoder {
  return (observation) =>
    scope('encoder', () => {
      let x = observation.flatten(1).to(layerDtype()).mul(options.scale);
      if (options.shift !== 0) x = x.add(options.shift);
      options.sizes.forEach((size, i) => {
        x = relu(linear(`dense${i}`, size, scheme.dense(x.size(1), Math.SQRT2))(x));
      });
      return x;
    });
}
