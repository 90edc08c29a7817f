/** Two ways to start a whole network; a model asks its scheme for each layer's initializers. */
import type { Initializer } from '../graph/index.ts';
import { constant, fanInUniform, heNormal, orthogonal } from '../nn/index.ts';

export interface LayerInitializers {
  readonly weightInitializer: Initializer;
  readonly biasInitializer: Initializer;
}

/** `gain` scales the layer relative to its usual start; a residual branch or a policy head asks for less. */
export interface InitializationScheme {
  readonly convolution: (fanIn: number, gain: number) => LayerInitializers;
  readonly dense: (fanIn: number, gain: number) => LayerInitializers;
}

/** Name of a way to start parameters; see {@link schemes}. */
export type SchemeName = 'torch' | 'he_orthogonal';

/** `torch`: PyTorch's defaults, gains ignored. `he_orthogonal`: He convolutions, orthogonal dense layers, zero biases. */
export const schemes: Readonly<Record<SchemeName, InitializationScheme>> = {
  torch: {
    convolution: (fanIn) => ({
      weightInitializer: fanInUniform(fanIn),
      biasInitializer: fanInUniform(fanIn),
    }),
    dense: (fanIn) => ({ weightInitializer: fanInUniform(fanIn), biasInitializer: fanInUniform(fanIn) }),
  },
  he_orthogonal: {
    convolution: (fanIn, gain) => ({
      weightInitializer: heNormal(fanIn, gain),
      biasInitializer: constant(0),
    }),
    dense: (_, gain) => ({ weightInitializer: orthogonal(gain), biasInitializer: constant(0) }),
  },
};
