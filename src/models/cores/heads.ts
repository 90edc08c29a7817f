/** The work of memory layers around their recurrence: heads in and out, projections, activations of keys. */
import { elu, parameter, type Tensor } from '../../graph/index.ts';
import { constant, layerNorm, linear } from '../../nn/index.ts';
import type { InitializationScheme } from '../schemes.ts';
import type { StackOptions } from './stack.ts';

/** Sizes of a stack whose memories have heads; modelDim is a multiple of numHeads. */
export interface HeadOptions extends StackOptions {
  readonly numHeads: number;
}

export function headDimOf({ modelDim, numHeads }: HeadOptions): number {
  return modelDim / numHeads;
}

/** [T, B, M] to [T, B, H, M / H]. */
export function splitHeads(h: Tensor, numHeads: number): Tensor {
  const [time, batch, size] = h.shape as [number, number, number];
  return h.reshape([time, batch, numHeads, size / numHeads]);
}

/** [T, B, H, D] to [T, B, modelDim], through a dense layer without bias, `name/out`. */
export function mergeHeads(name: string, y: Tensor, modelDim: number, scheme: InitializationScheme): Tensor {
  const [time, batch, heads, headDim] = y.shape as [number, number, number, number];
  const merged = y.reshape([time, batch, heads * headDim]);
  const start = scheme.dense(heads * headDim, 0.5);
  return linear(`${name}/out`, modelDim, { bias: false, ...start })(merged);
}

/**
 * What a layer with normalised input writes and reads with: `sizes` numbers a head, in their order, each [T, B, H, size].
 * One dense layer without bias, `name/in`, makes all of them; its rows are grouped by heads.
 */
export function projectHeads<const S extends readonly number[]>(
  name: string,
  h: Tensor,
  numHeads: number,
  sizes: S,
  scheme: InitializationScheme,
): { readonly [K in keyof S]: Tensor } {
  const width = sizes.reduce((sum, size) => sum + size, 0);
  const start = scheme.dense(h.size(-1), 1);
  const made = linear(`${name}/in`, numHeads * width, { bias: false, ...start })(
    layerNorm(`${name}/norm`)(h),
  );
  return splitHeads(made, numHeads).split(sizes, -1) as unknown as { readonly [K in keyof S]: Tensor };
}

/** elu(z) + 1 over its sum plus 1e-5: positive, and nearly summing to 1 (Schlag et al. 2021, as released). */
export function normalizedElu(z: Tensor): Tensor {
  const positive = elu(z).add(1);
  return positive.div(positive.sum(-1, { keepdim: true }).add(1e-5));
}

/** Declares the layer normalisation that the released code creates in such a layer and never applies. */
export function declareUnusedNorm(name: string, modelDim: number): void {
  parameter(`${name}/norm/weight`, [modelDim], constant(1));
  parameter(`${name}/norm/bias`, [modelDim], constant(0));
}
