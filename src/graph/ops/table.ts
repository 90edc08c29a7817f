/** The one table of operations. Its type demands an entry for every wire name of `bridge/protocol/op-names.ts`. */
import type { WireOp } from '../../../bridge/protocol/op-names.ts';
import { checkpointOps } from '../checkpoint-rules.ts';
import { scanOps } from '../scan-rules.ts';
import type { OpDefinition } from './definition.ts';
import { deltaRuleOps } from './delta-rule.ts';
import { elementwiseOps } from './elementwise.ts';
import { indexingOps } from './indexing.ts';
import { layerOps } from './layers.ts';
import { linearAlgebraOps } from './linear-algebra.ts';
import { lossOps } from './losses.ts';
import { normalizationOps } from './normalization.ts';
import { orderingOps } from './ordering.ts';
import { pointwiseOps } from './pointwise.ts';
import { rearrangingOps } from './rearranging.ts';
import { reductionOps } from './reductions.ts';
import { shapeOps } from './shapes.ts';
import { sourceOps } from './sources.ts';
import { windowOps } from './windows.ts';

export const opTable = {
  ...elementwiseOps,
  ...pointwiseOps,
  ...reductionOps,
  ...orderingOps,
  ...shapeOps,
  ...rearrangingOps,
  ...indexingOps,
  ...layerOps,
  ...linearAlgebraOps,
  ...windowOps,
  ...normalizationOps,
  ...lossOps,
  ...sourceOps,
  ...deltaRuleOps,
  ...scanOps,
  ...checkpointOps,
} as const satisfies Record<WireOp, OpDefinition<never>>;

export type OpName = keyof typeof opTable;
export type AttributesOf<K extends OpName> = (typeof opTable)[K] extends OpDefinition<infer A> ? A : never;
