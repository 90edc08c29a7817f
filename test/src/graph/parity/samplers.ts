/** For every operation: random inputs and attributes that mostly fit. An operation without a line does not compile. */
import type { WireOp } from '../../../../bridge/protocol/op-names.ts';
import type { AttributesOf } from '../../../../src/graph/ops/table.ts';
import type { Draw, Wanted } from './draw.ts';
import { layerSamplers } from './layer-samplers.ts';
import { pointwiseSamplers } from './pointwise-samplers.ts';
import { tensorSamplers } from './tensor-samplers.ts';

export interface Sample<A> {
  readonly inputs: readonly Wanted[];
  readonly attrs: A;
}
/** Operations with a graph of their own are drawn by `graphs.ts`. */
export type PlainOp = Exclude<WireOp, 'srwm.scan' | 'srwm.checkpoint'>;
export type Samplers<K extends WireOp> = { readonly [N in K]: (d: Draw) => Sample<AttributesOf<N>> };

export const samplers: Samplers<PlainOp> = { ...pointwiseSamplers, ...tensorSamplers, ...layerSamplers };
