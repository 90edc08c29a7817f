/** Losses. Without `reduction` they return the mean, as in PyTorch. */
import type { Tensor } from '../tensor.ts';
import { emit } from '../trace.ts';

/** Over the elements of a loss. */
export type Reduction = 'none' | 'mean' | 'sum';
/** How a loss over elements is reduced. */
export interface LossOptions {
  readonly reduction?: Reduction;
}
/** How a loss over classes is weighted and reduced. */
export interface ClassOptions extends LossOptions {
  /** Factor of every class, [C]. */
  readonly weight?: Tensor;
  /** Targets of this number count neither in the loss nor in its mean; default -100. */
  readonly ignoreIndex?: number;
}

/**
 * -log softmax(logits)[target]: logits [N, C, ...] or [C], class numbers int64 [N, ...] or [], or probabilities
 * of the shape of the logits.
 *
 * @example crossEntropy(logits, label, { labelSmoothing: 0.1 })
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: ClassOptions & { readonly labelSmoothing?: number } = {},
): Tensor {
  const { weight, reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0 } = options;
  return emit(
    'aten.cross_entropy_loss.default',
    weight === undefined ? [logits, target] : [logits, target, weight],
    {
      reduction,
      ignore_index: ignoreIndex,
      label_smoothing: labelSmoothing,
    },
  );
}

/**
 * -logProbabilities[target]: [N, C, ...] or [C] with class numbers int64 [N, ...] or [].
 *
 * @example nllLoss(logProbabilities, target) // [] of [N, C] and int64 [N]
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: ClassOptions = {}): Tensor {
  const { weight, reduction = 'mean', ignoreIndex = -100 } = options;
  const inputs = weight === undefined ? [logProbabilities, target] : [logProbabilities, target, weight];
  return emit('aten.nll_loss_nd.default', inputs, { reduction, ignore_index: ignoreIndex });
}

/**
 * Cross entropy of sigmoid(logits) with probabilities of the same shape, without overflow.
 *
 * @example binaryCrossEntropy(logits, target) // [] of two [N]
 */
export function binaryCrossEntropy(logits: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const attrs = { reduction: options.reduction ?? 'mean' };
  return emit('aten.binary_cross_entropy_with_logits.default', [logits, target], attrs);
}

/**
 * (x - target)^2.
 *
 * @example mseLoss(x, target) // [] of two of one shape
 */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return emit('aten.mse_loss.default', [x, target], { reduction: options.reduction ?? 'mean' });
}

/**
 * |x - target|.
 *
 * @example l1Loss(x, target) // [] of two of one shape
 */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return emit('aten.l1_loss.default', [x, target], { reduction: options.reduction ?? 'mean' });
}

/**
 * d^2 / (2 beta) where d = |x - target| < beta, d - beta / 2 elsewhere (Girshick 2015).
 *
 * @example smoothL1Loss(x, target) // [] of two of one shape
 */
export function smoothL1Loss(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { readonly beta?: number } = {},
): Tensor {
  const { reduction = 'mean', beta = 1 } = options;
  return emit('aten.smooth_l1_loss.default', [x, target], { reduction, beta });
}

/**
 * d^2 / 2 where d = |x - target| < delta, delta (d - delta / 2) elsewhere (Huber 1964).
 *
 * @example huberLoss(x, target) // [] of two of one shape
 */
export function huberLoss(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { readonly delta?: number } = {},
): Tensor {
  const { reduction = 'mean', delta = 1 } = options;
  return emit('aten.huber_loss.default', [x, target], { reduction, delta });
}

/**
 * target (log target - logProbabilities), element by element: KL(target || model). With `logTarget` the target
 * holds logarithms too. The mean is over all elements; for one number a row, sum with reduction "none".
 *
 * @example klDivergence(logProbabilities, target) // [] of two [N, C]
 */
export function klDivergence(
  logProbabilities: Tensor,
  target: Tensor,
  options: LossOptions & { readonly logTarget?: boolean } = {},
): Tensor {
  const { reduction = 'mean', logTarget = false } = options;
  return emit('aten.kl_div.default', [logProbabilities, target], { reduction, log_target: logTarget });
}

/**
 * Cosine of the angle between a and b along `dim`; both broadcast.
 *
 * @example cosineSimilarity(a, b, -1) // [..., M] and [..., M] give [...]
 */
export function cosineSimilarity(a: Tensor, b: Tensor, dim: number, epsilon: number = 1e-8): Tensor {
  return emit('aten.cosine_similarity.default', [a, b], { dim, epsilon });
}
