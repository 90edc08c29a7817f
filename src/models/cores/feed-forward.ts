/** No core. */
import type { SequenceCore } from './core.ts';

/**
 * No memory: the heads see the features themselves.
 *
 * @example policy({ core: feedForwardCore() })
 */
export function feedForwardCore(): SequenceCore {
  return { stateShapes: () => ({}), apply: (x) => ({ y: x, state: {} }) };
}
