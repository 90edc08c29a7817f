/** The delta rule: a memory of key-value pairs that is written and read at every step. */
import { argumentFault, shapeFault } from '../errors.ts';
import { formatShape, requireRank } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireDtype,
  requireFloating,
  requireOneDtype,
  stateDtype,
} from './definition.ts';

export type DeltaRuleAttributes = Readonly<{ bptt: string }>;

export const deltaRuleOps = {
  /**
   * inputs: q, k [T, B, H, K], v [T, B, H, V], beta [T, B, H], fast_weights [B, H, K, V], is_first [T, B] bool.
   * results: o [T, B, H, V], fast_weights. Fast weights are float32 beside float16 and bfloat16.
   */
  'srwm.delta_rule': define<DeltaRuleAttributes>({
    shape: (inputs, { bptt }) => {
      const shapes = [0, 1, 2, 3, 4, 5].map((i) => inputAt(inputs, i).shape);
      const [q = [], k = [], v = [], beta = [], state = [], isFirst = []] = shapes;
      if (bptt !== 'unroll' && bptt !== 'step')
        argumentFault(`bptt must be "unroll" or "step", got "${bptt}"`);
      requireRank('q', q, 4);
      requireRank('v', v, 4);
      const [time = 0, batch = 0, heads = 0, keyDim = 0] = q;
      const valueDim = v[3] ?? 0;
      if (keyDim < 1) shapeFault(`q must have a key size of at least 1, got ${formatShape(q)}`);
      if (valueDim < 1) shapeFault(`v must have a value size of at least 1, got ${formatShape(v)}`);
      const required: readonly (readonly [string, readonly number[], readonly number[]])[] = [
        ['k', k, q],
        ['v', v, [time, batch, heads, valueDim]],
        ['beta', beta, [time, batch, heads]],
        ['fast_weights', state, [batch, heads, keyDim, valueDim]],
        ['is_first', isFirst, [time, batch]],
      ];
      for (const [name, shape, expected] of required) {
        if (formatShape(shape) !== formatShape(expected)) {
          shapeFault(
            `${name} must be ${formatShape(expected)} for q ${formatShape(q)}, got ${formatShape(shape)}`,
          );
        }
      }
      return [[...v], [...state]];
    },
    dtype: (inputs) => {
      requireDtype('is_first', inputAt(inputs, 5), 'bool');
      requireFloating('q', inputAt(inputs, 0));
      const dtype = requireOneDtype(inputs.slice(0, 4));
      const kept = stateDtype(dtype);
      requireDtype(`fast_weights beside ${dtype} inputs`, inputAt(inputs, 4), kept);
      return [dtype, kept];
    },
    print: call('delta_rule'),
  }),
};
