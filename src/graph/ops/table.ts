/** The one table of operations. Its type demands an entry for every wire name of `bridge/protocol/op-names.ts`. */
import type { WireOp } from '../../../bridge/protocol/op-names.ts';
import { scanOps } from '../scan-rules.ts';
import type { OpDefinition } from './definition.ts';
import { elementwiseOps } from './elementwise.ts';
import { layerOps } from './layers.ts';
import { reductionOps } from './reductions.ts';
import { shapeOps } from './shapes.ts';
import { sourceOps } from './sources.ts';

export const opTable = {
  ...elementwiseOps,
  ...reductionOps,
  ...shapeOps,
  ...layerOps,
  ...sourceOps,
  ...scanOps,
} as const satisfies Record<WireOp, OpDefinition<never>>;

export type OpName = keyof typeof opTable;
export type AttributesOf<K extends OpName> = (typeof opTable)[K] extends OpDefinition<infer A> ? A : never;
