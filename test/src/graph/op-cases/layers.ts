/** What linear algebra, windows, normalisations and losses give, by hand. */
import * as g from '../../../../src/graph/index.ts';
import { tensor } from '../../../support/session.ts';
import { image, list, of, one, two, type Case } from './case.ts';

const symmetric = tensor([4, 2, 2, 5], [2, 2]);
const sequence = tensor([1, 2, 3, 4], [1, 1, 4]);
const square = tensor([1, 2, 3, 4], [1, 1, 2, 2]);
const batch = tensor([1, 3, 5, 11], [2, 2]);
const classes = tensor([1, 0], [2], 'int64');
const E = Math.E;
const softmax = (values: readonly number[], at: number) =>
  Math.exp(values[at] ?? 0) / values.reduce((sum, value) => sum + Math.exp(value), 0);

export const layerCases = {
  'aten.einsum.default': two((a, b) => g.einsum('ij,j->i', a, b), [-3, 14]),
  'aten.linalg_cholesky.default': list((a) => g.cholesky(a), [symmetric], [2, 0, 1, 2]),
  'aten.linalg_inv.default': list((a) => g.inverse(a), [symmetric], [5 / 16, -2 / 16, -2 / 16, 4 / 16]),
  'aten.linalg_solve.default': list(
    (a) => g.solve(a, g.constantOf([8, 9], [2, 1])),
    [symmetric],
    [22 / 16, 20 / 16],
  ),
  'aten.linalg_solve_triangular.default': list(
    (a) => g.solveTriangular(a.tril(), g.constantOf([8, 9], [2, 1]), { upper: false }),
    [symmetric],
    [2, 1],
  ),
  'aten.linalg_slogdet.default': list(
    (a) => {
      const { sign, logAbsDet } = g.slogdet(a);
      return g.stack([sign, logAbsDet], 0);
    },
    [symmetric],
    [1, Math.log(16)],
  ),
  'aten.linalg_eigh.default': list(
    (a) => {
      const { eigenvalues, eigenvectors } = g.eigh(a);
      return [eigenvalues, eigenvectors];
    },
    [tensor([2, 1, 1, 2], [2, 2])],
    [1, 3],
  ),
  'aten.cdist.default': list((a) => g.cdist(a, g.zeros([1, 2]), 1), [symmetric], [6, 7]),
  'aten.scaled_dot_product_attention.default': list(
    (q) => {
      const v = g.constantOf([1, 0, 0, 1], [2, 2]);
      const causal = g.attention(q, q, v, { causal: true, scale: 1 });
      const mask = g.eye(2, 2, 'bool');
      return [causal, g.attention(q, q, v, { mask }), g.attention(q, q, v)];
    },
    [tensor([1, 0, 0, 2], [2, 2])],
    // Row 0 sees itself only; the scores of row 1 are 0 and 4.
    [1, 0, softmax([0, 4], 0), softmax([0, 4], 1)],
  ),

  'aten.conv1d.default': list(
    (a) => g.convolve1d(a, g.constantOf([1, 10], [1, 1, 2]), g.ones([1]), { padding: 1, dilation: 2 }),
    [sequence],
    [21, 32, 43, 4],
  ),
  'aten.conv_transpose1d.default': list(
    (a) => g.convolveTransposed1d(a, g.constantOf([1, 10], [1, 1, 2]), null, { stride: 2, outputPadding: 1 }),
    [sequence],
    [1, 10, 2, 20, 3, 30, 4, 40, 0],
  ),
  'aten.conv_transpose2d.input': list(
    (a) => g.convolveTransposed(a, g.ones([1, 1, 2, 2]), g.ones([1])),
    [square],
    [2, 4, 3, 5, 11, 7, 4, 8, 5],
  ),
  'aten.max_pool1d.default': list((a) => g.maxPool1d(a, 2, { stride: 1 }), [sequence], [2, 3, 4]),
  'aten.avg_pool1d.default': list(
    (a) => g.avgPool1d(a, 2, { padding: 1, countPadding: false }),
    [sequence],
    [1, 2.5, 4],
  ),
  'aten.avg_pool2d.default': list((a) => g.avgPool2d(a, 2, { padding: 1 }), [square], [0.25, 0.5, 0.75, 1]),
  'aten.adaptive_avg_pool1d.default': list((a) => g.adaptiveAvgPool1d(a, 3), [sequence], [1.5, 2.5, 3.5]),
  'aten.adaptive_avg_pool2d.default': list((a) => g.adaptiveAvgPool2d(a, [1, 2]), [square], [2, 3]),
  'aten.adaptive_max_pool2d.default': list((a) => g.adaptiveMaxPool2d(a, 2), [image], [-3, -1, 5, 7]),
  'aten.upsample_nearest2d.default': list((a) => g.resize(a, [2, 4]), [square], [1, 1, 2, 2, 3, 3, 4, 4]),
  'aten.upsample_bilinear2d.default': list(
    (a) => g.resize(a, [2, 4], { mode: 'bilinear' }),
    [square],
    [1, 1.25, 1.75, 2, 3, 3.25, 3.75, 4],
  ),

  'aten.rms_norm.default': list(
    (a) => [g.normalizeRms(a, g.constantOf([1, 2]), 0), g.normalizeRms(a, null, 1)],
    [tensor([3, -3, 1, 7], [2, 2])],
    [1, -2, 1 / 5, 14 / 5],
  ),
  'aten.group_norm.default': list(
    (a) => [
      g.normalizeGroups(a, 1, { weight: g.constantOf([1, 2]), bias: g.ones([2]) }, 0),
      g.normalizeInstances(a.unsqueeze(2).expand([2, 2, 3]), null, 1),
    ],
    [batch],
    [0, 3, 0, 3],
  ),
  'aten.batch_norm.default': list(
    (a) => {
      const running = { mean: g.constantOf([1, 3]), variance: g.constantOf([4, 16]) };
      return g.normalizeWith(a, { weight: g.ones([2]), bias: g.constantOf([0, 1]) }, running, 0);
    },
    [batch],
    [0, 1, 2, 3],
  ),
  'aten._batch_norm_with_update_functional.default': list(
    (a) => {
      const affine = { weight: g.ones([2]), bias: g.zeros([2]) };
      const running = { mean: g.zeros([2]), variance: g.ones([2]) };
      const made = g.normalizeBatch(a, affine, running, { momentum: 0.5, epsilon: 0 });
      return g.cat([made.y.flatten(), made.running.mean, made.running.variance], 0);
    },
    [batch],
    // The kept variance is divided by N - 1: 8 and 32.
    [-1, -1, 1, 1, 1.5, 3.5, 4.5, 16.5],
  ),

  'aten.cross_entropy_loss.default': list(
    (a, target) => [
      g.crossEntropy(a, target, { reduction: 'none' }),
      g.crossEntropy(a, target, { weight: g.constantOf([1, 2]), labelSmoothing: 0.1, ignoreIndex: 0 }),
      g.crossEntropy(a, a.softmax(1)),
    ],
    [tensor([1, 2, 0, 3], [2, 2]), classes],
    [Math.log(1 + 1 / E), Math.log(1 + E ** 3)],
  ),
  'aten.nll_loss_nd.default': list(
    (a, target) => [g.nllLoss(a, target), g.nllLoss(a, target, { weight: g.ones([2]), reduction: 'sum' })],
    [tensor([-1, -2, -4, -3], [2, 2]), classes],
    [3],
  ),
  'aten.binary_cross_entropy_with_logits.default': of(
    [2, -1],
    (a) => g.binaryCrossEntropy(a, g.constantOf([1, 0.5]), { reduction: 'none' }),
    [Math.log1p(Math.exp(-2)), Math.log1p(Math.exp(-1)) + 0.5],
  ),
  'aten.mse_loss.default': two(
    (a, b) => g.mseLoss(a, b.unsqueeze(0).expand([2, 3])),
    [(1 + 9 + 16 + 4 + 1 + 25) / 6],
  ),
  'aten.l1_loss.default': two(
    (a, b) => g.l1Loss(a, b.unsqueeze(0).expand([2, 3]), { reduction: 'sum' }),
    [16],
  ),
  'aten.smooth_l1_loss.default': of(
    [0.5, 4],
    (a) => g.smoothL1Loss(a, g.zeros([2]), { beta: 2, reduction: 'none' }),
    [0.0625, 3],
  ),
  'aten.huber_loss.default': of(
    [0.5, 4],
    (a) => g.huberLoss(a, g.zeros([2]), { delta: 2, reduction: 'none' }),
    [0.125, 6],
  ),
  'aten.kl_div.default': of(
    [Math.log(0.25), Math.log(0.75)],
    (a) => [
      g.klDivergence(a, g.constantOf([0.5, 0.5]), { reduction: 'sum' }),
      g.klDivergence(a, a, { logTarget: true }),
    ],
    [0.5 * Math.log(2) + 0.5 * Math.log(2 / 3)],
  ),
  'aten.cosine_similarity.default': one(
    (a) => g.cosineSimilarity(a, g.constantOf([1, 0, 0]), 1),
    [1 / Math.sqrt(14), 4 / Math.sqrt(52)],
  ),
} satisfies Record<string, Case>;
