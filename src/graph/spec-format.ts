/** `float32[2, 3]`: a shape and a dtype in the text form of graphs. */
import type { ValueSpec } from '../../bridge/protocol/graph-spec.ts';

export function formatSpec(spec: {
  readonly shape: readonly number[];
  readonly dtype: ValueSpec['dtype'];
}): string {
  return `${spec.dtype}[${spec.shape.join(', ')}]`;
}
