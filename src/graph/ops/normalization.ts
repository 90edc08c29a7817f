/** Normalisations beyond `layer_norm`. */
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { formatShape } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireFloating,
  requireOneDtype,
  type OpDefinition,
  type Specs,
} from './definition.ts';

const oneFloating = (inputs: Specs) => {
  requireFloating('input', inputAt(inputs, 0));
  return [requireOneDtype(inputs)];
};

function requireVectors(inputs: Specs, names: readonly string[], size: number | undefined): void {
  names.forEach((name, i) => {
    const { shape } = inputAt(inputs, i);
    if (shape.length !== 1 || shape[0] !== size)
      shapeFault(`${name} must be [${size}], got ${formatShape(shape)}`);
  });
}

function requireChannels(shape: readonly number[]): number {
  if (shape.length < 2) shapeFault(`input must be [N, C, ...], got ${formatShape(shape)}`);
  return shape[1] ?? 0;
}

const STATISTICS = ['weight', 'bias', 'mean', 'variance'];

/** inputs: x [N, C, ...], weight [C], bias [C], running mean [C], running variance [C]. */
function batchNorm<A extends Readonly<{ epsilon: number }>>(name: string, results: 1 | 3): OpDefinition<A> {
  return define<A>({
    shape: (inputs) => {
      const x = inputAt(inputs, 0).shape;
      const channels = requireChannels(x);
      requireVectors(inputs.slice(1), STATISTICS, channels);
      if (results === 1) return [[...x]];
      const values = x.reduce((product, size) => product * size, 1) / channels;
      if (!(values > 1))
        shapeFault(`more than 1 value a channel is required to train, got ${formatShape(x)}`);
      return [[...x], [channels], [channels]];
    },
    dtype: (inputs) => {
      const dtypes = oneFloating(inputs);
      // Half precision would keep its statistics in another dtype than it was given.
      const wide = dtypes[0] === 'float32' || dtypes[0] === 'float64';
      if (results === 3 && !wide) dtypeFault(`input must be float32 or float64 to train, got ${dtypes[0]}`);
      return Array.from({ length: results }, () => dtypes).flat();
    },
    print: call(name),
  });
}

export const normalizationOps = {
  /** inputs: x [..., M], optional weight [M]. */
  'aten.rms_norm.default': define<Readonly<{ epsilon: number }>>({
    shape: (inputs) => {
      const { shape } = inputAt(inputs, 0);
      if (shape.length === 0) shapeFault('input must have at least 1 dimension, got []');
      if (inputs.length > 1) requireVectors(inputs.slice(1), ['weight'], shape.at(-1));
      return [[...shape]];
    },
    dtype: oneFloating,
    print: call('rms_norm'),
  }),
  /** inputs: x [N, C, ...], optional weight [C] and bias [C]. */
  'aten.group_norm.default': define<Readonly<{ num_groups: number; epsilon: number }>>({
    shape: (inputs, { num_groups: groups }) => {
      const x = inputAt(inputs, 0).shape;
      const channels = requireChannels(x);
      if (x.slice(1).includes(0)) shapeFault(`input must not be empty, got ${formatShape(x)}`);
      if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
        argumentFault(`groups must divide the ${channels} channels, got ${groups}`);
      }
      if (inputs.length > 1) requireVectors(inputs.slice(1), ['weight', 'bias'], channels);
      return [[...x]];
    },
    dtype: oneFloating,
    print: call('group_norm'),
  }),
  /** With the given statistics: evaluation. */
  'aten.batch_norm.default': batchNorm<Readonly<{ epsilon: number }>>('batch_norm', 1),
  /** With the statistics of the batch: training. Results: y, the new running mean, the new running variance. */
  'aten._batch_norm_with_update_functional.default': batchNorm<
    Readonly<{ momentum: number; epsilon: number }>
  >('batch_norm_train', 3),
};
