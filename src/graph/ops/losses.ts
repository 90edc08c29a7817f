/** Losses that PyTorch has a kernel for. `reduction` is none, mean or sum. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import { isFloating } from '../dtype.ts';
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { broadcast, formatShape, normalizeDim } from '../shape.ts';
import {
  call,
  define,
  inputAt,
  requireDtype,
  requireFloating,
  requireOneDtype,
  type Attributes,
  type OpDefinition,
  type Specs,
} from './definition.ts';

type Reduction = Readonly<{ reduction: string }>;

function shrunk(shape: readonly number[], { reduction }: Reduction): number[] {
  if (!['none', 'mean', 'sum'].includes(reduction)) {
    argumentFault(`reduction must be none, mean or sum, got ${reduction}`);
  }
  return reduction === 'none' ? [...shape] : [];
}

const allFloating = (inputs: Specs): Dtype[] => {
  const wrong = inputs.find(({ dtype }) => !isFloating(dtype));
  if (wrong !== undefined) dtypeFault(`inputs must be floating, got ${wrong.dtype}`);
  return [requireOneDtype(inputs)];
};

/** A loss of prediction and target, which broadcast. */
function pairwise<A extends Reduction & Attributes>(
  name: string,
  check: (attrs: A) => void = () => undefined,
): OpDefinition<A> {
  return define<A>({
    shape: (inputs, attrs) => {
      check(attrs);
      return [shrunk(broadcast(inputs.map(({ shape }) => shape)), attrs)];
    },
    dtype: allFloating,
    print: call(name),
  });
}

/** Shape of the targets that scores [N, C, ...] or [C] take as class numbers. */
function classShape(scores: readonly number[]): number[] {
  if (scores.length === 0) shapeFault('scores must be [C] or [N, C, ...], got []');
  return scores.length === 1 ? [] : scores.filter((_, dim) => dim !== 1);
}

function requireWeights(weight: readonly number[] | undefined, scores: readonly number[]): void {
  const classes = scores.length === 1 ? scores[0] : scores[1];
  if (weight !== undefined && (weight.length !== 1 || weight[0] !== classes)) {
    shapeFault(`weight must be [${classes}], got ${formatShape(weight)}`);
  }
}

type ClassAttributes = Readonly<{ reduction: string; ignore_index: number }>;

export const lossOps = {
  /** inputs: logits [N, C, ...] or [C], class numbers (int64, without C) or probabilities (as the logits), optional weight [C]. */
  'aten.cross_entropy_loss.default': define<ClassAttributes & Readonly<{ label_smoothing: number }>>({
    shape: (inputs, attrs) => {
      const [logits, target] = [inputAt(inputs, 0).shape, inputAt(inputs, 1)];
      const classes = classShape(logits);
      const wanted = isFloating(target.dtype) ? logits : classes;
      if (formatShape(wanted) !== formatShape(target.shape)) {
        shapeFault(
          `a ${target.dtype} target must be ${formatShape(wanted)} for logits ${formatShape(logits)}, got ${formatShape(target.shape)}`,
        );
      }
      if (!(attrs.label_smoothing >= 0 && attrs.label_smoothing <= 1)) {
        argumentFault(`label smoothing must be in [0, 1], got ${attrs.label_smoothing}`);
      }
      requireWeights(inputs[2]?.shape, logits);
      return [shrunk(classes, attrs)];
    },
    dtype: (inputs) => {
      requireFloating('logits', inputAt(inputs, 0));
      const target = inputAt(inputs, 1);
      const { dtype } = inputAt(inputs, 0);
      if (target.dtype !== 'int64' && target.dtype !== dtype) {
        dtypeFault(`target must be int64 class numbers or ${dtype} probabilities, got ${target.dtype}`);
      }
      requireOneDtype([inputAt(inputs, 0), ...inputs.slice(2)]);
      return [dtype];
    },
    print: call('cross_entropy'),
  }),
  /** inputs: log-probabilities [N, C, ...] or [C], class numbers (int64, without C), optional weight [C]. */
  'aten.nll_loss_nd.default': define<ClassAttributes>({
    shape: (inputs, attrs) => {
      const [scores, target] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      const classes = classShape(scores);
      if (formatShape(classes) !== formatShape(target)) {
        shapeFault(
          `the target must be ${formatShape(classes)} for ${formatShape(scores)}, got ${formatShape(target)}`,
        );
      }
      requireWeights(inputs[2]?.shape, scores);
      return [shrunk(classes, attrs)];
    },
    dtype: (inputs) => {
      requireFloating('log-probabilities', inputAt(inputs, 0));
      requireDtype('target', inputAt(inputs, 1), 'int64');
      return [requireOneDtype([inputAt(inputs, 0), ...inputs.slice(2)])];
    },
    print: call('nll_loss'),
  }),
  /** inputs: logits and probabilities of one shape. */
  'aten.binary_cross_entropy_with_logits.default': define<Reduction>({
    shape: (inputs, attrs) => {
      const [logits, target] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      if (formatShape(logits) !== formatShape(target)) {
        shapeFault(`target must be ${formatShape(logits)} like the logits, got ${formatShape(target)}`);
      }
      return [shrunk(logits, attrs)];
    },
    dtype: allFloating,
    print: call('binary_cross_entropy'),
  }),
  'aten.mse_loss.default': pairwise<Reduction>('mse_loss'),
  'aten.l1_loss.default': pairwise<Reduction>('l1_loss'),
  'aten.smooth_l1_loss.default': pairwise<Readonly<{ reduction: string; beta: number }>>(
    'smooth_l1_loss',
    ({ beta }) => {
      if (!(beta >= 0)) argumentFault(`beta must be at least 0, got ${beta}`);
    },
  ),
  'aten.huber_loss.default': pairwise<Readonly<{ reduction: string; delta: number }>>(
    'huber_loss',
    ({ delta }) => {
      if (!(delta > 0)) argumentFault(`delta must be positive, got ${delta}`);
    },
  ),
  'aten.kl_div.default': pairwise<Readonly<{ reduction: string; log_target: boolean }>>('kl_div'),
  'aten.cosine_similarity.default': define<Readonly<{ dim: number; epsilon: number }>>({
    shape: (inputs, { dim }) => {
      const common = broadcast(inputs.map(({ shape }) => shape));
      const at = normalizeDim(dim, common.length);
      return [common.filter((_, d) => d !== at)];
    },
    dtype: allFloating,
    print: call('cosine_similarity'),
  }),
};
