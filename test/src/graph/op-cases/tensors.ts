/** What reductions, orderings, rearrangements and positions give, by hand. */
import * as g from '../../../../src/graph/index.ts';
import type { Tensor } from '../../../../src/graph/index.ts';
import { tensor } from '../../../support/session.ts';
import { list, of, one, two, x, type Case } from './case.ts';

const index = (values: readonly number[], shape: readonly number[]) => tensor(values, shape, 'int64');
const both = ({ values, indices }: g.Located): readonly Tensor[] => [values, indices];
/** Values and indices side by side, so that one list says both. */
const pairs = ({ values, indices }: g.Located): Tensor => g.cat([values.flatten(), indices.flatten()], 0);

export const tensorCases = {
  'aten.prod.dim_int': one((a) => [a.prod(0), a.prod(), a.prod(null, { keepdim: true })], [4, -0, -18]),
  'aten.any.dims': one((a) => [a.gt(3).any(1), a.any()], [0, 1]),
  'aten.all.dims': one((a) => [a.gt(-3).all(1), a.all()], [1, 0]),
  'aten.std.correction': one((a) => a.std(0, { correction: 0 }), [1.5, 1, 4.5]),
  'aten.linalg_vector_norm.default': one(
    (a) => [a.norm(1), a.norm(null, { p: 1 })],
    [Math.sqrt(14), Math.sqrt(52)],
  ),
  'aten.nansum.default': of([1, NaN, 3], (a) => g.nansum(a), [4]),
  'aten.nanmean.default': of([1, NaN, 3], (a) => g.nanmean(a), [2]),
  'aten.quantile.scalar': of([4, 1, 3, 2], (a) => g.quantile(a, 0.5), [2.5]),
  'aten.argmin.default': one((a) => [a.argmin(1), a.argmin(), a.argmax()], [1, 2]),
  'aten.max.dim': one((a) => pairs(a.max(1)), [3, 4, 2, 0]),
  'aten.min.dim': one((a) => pairs(a.min(0)), [1, -2, -6, 0, 0, 1]),
  'aten.median.dim': one((a) => pairs(a.median(1)), [1, 0, 0, 1]),
  'aten.sort.stable': of(
    [2, 1, 2, 3],
    (a) => pairs(a.sort(0, { descending: true })),
    [3, 2, 2, 1, 3, 0, 2, 1],
  ),
  'aten.topk.default': of([2, 1, 5, 3], (a) => pairs(a.topk(2)), [5, 3, 2, 3]),
  'aten.cumprod.default': one((a) => a.cumprod(1), [1, -2, -6, 4, 0, -0]),
  'aten.cummax.default': of([1, 3, 2, 4], (a) => pairs(a.cummax(0)), [1, 3, 3, 4, 0, 1, 1, 3]),
  'aten.cummin.default': of([3, 1, 2, 0], (a) => both(a.cummin(0)), [3, 1, 1, 0]),
  'aten.logcumsumexp.default': of([0, Math.log(2)], (a) => g.logcumsumexp(a, 0), [0, Math.log(3)]),
  'aten.searchsorted.Tensor': of(
    [1, 3, 5],
    (a) =>
      g.cat(
        [g.searchsorted(a, g.constantOf([0, 3, 9])), g.searchsorted(a, g.constantOf([3]), { right: true })],
        0,
      ),
    [0, 1, 3, 2],
  ),

  'aten.repeat.default': of([1, 2], (a) => a.repeat([2, 2]), [1, 2, 1, 2, 1, 2, 1, 2]),
  'aten.repeat_interleave.self_int': of([1, 2], (a) => g.repeatInterleave(a, 2, 0), [1, 1, 2, 2]),
  'aten.roll.default': one((a) => a.roll([1, -1], [0, 1]), [0, -6, 4, -2, 3, 1]),
  'aten.tril.default': one((a) => a.tril(), [1, 0, 0, 4, 0, 0]),
  'aten.triu.default': one((a) => a.triu(1), [0, -2, 3, 0, 0, -6]),
  'aten.diag_embed.default': of([1, 2], (a) => g.diagEmbed(a, 1), [0, 1, 0, 0, 0, 2, 0, 0, 0]),
  'aten.split_with_sizes.default': one(
    (a) => [...a.split([1, 2], 1), ...a.split(3, 1), ...a.chunk(2, 0)],
    [1, 4],
  ),
  'aten.unbind.int': one((a) => [...a.unbind(1), ...a.slice(0, 1, 2).unbind(0)], [1, 4]),
  'aten.pad.default': one(
    (a) => [a.pad([1, 0, 0, 1], { value: 9 }), a.unsqueeze(0).pad([1, 2], { mode: 'reflect' })],
    [9, 1, -2, 3, 9, 4, 0, -6, 9, 9, 9, 9],
  ),
  'aten.unfold.default': of([1, 2, 3, 4, 5], (a) => a.unfold(0, 3, 2), [1, 2, 3, 3, 4, 5]),

  'aten.scatter.src': list(
    (a, i) => a.scatter(1, i, g.constantOf([7, 8], [2, 1])),
    [x, index([2, 0], [2, 1])],
    [1, -2, 7, 8, 0, -6],
  ),
  'aten.scatter_add.default': list(
    (a, i) => a.scatterAdd(1, i, g.ones([2, 2])),
    [x, index([2, 2, 0, 1], [2, 2])],
    [1, -2, 5, 5, 1, -6],
  ),
  'aten.scatter_reduce.two': list(
    (a, i) => g.scatterReduce(a, 1, i, g.constantOf([7, 8], [1, 2]), 'mean', { includeSelf: false }),
    [x, index([2, 2], [1, 2])],
    [1, -2, 7.5, 4, 0, -6],
  ),
  'aten.index_add.default': list(
    (a, i) => a.indexAdd(0, i, g.ones([3, 3])),
    [x, index([1, 1, 0], [3])],
    [2, -1, 4, 6, 2, -4],
  ),
  'aten.index_copy.default': list(
    (a, i) => g.indexCopy(a, 1, i, g.zeros([2, 1])),
    [x, index([1], [1])],
    [1, 0, 3, 4, 0, -6],
  ),
  'aten.take_along_dim.default': list(
    (a, i) => a.takeAlongDim(i, 1),
    [x, index([2, 0], [1, 2])],
    [3, 1, -6, 4],
  ),
  'aten.index.Tensor': list((a, i) => g.indexAt(a, [i, i.add(1)]), [x, index([0, 1], [2])], [-2, -6]),
  'aten.index_put.default': list(
    (a, i) => g.indexPut(a, [i], g.constantOf([10, 20, 30]), { accumulate: true }),
    [x, index([0, 0], [2])],
    [21, 38, 63, 4, 0, -6],
  ),
  'aten.masked_fill.Scalar': two((a, b) => a.maskedFill(b.gt(0), -1), [-1, -1, 3, -1, -1, -6]),
  'aten.embedding.default': list(
    (a, i) => g.lookUp(a, i),
    [x, index([1, 0, 1], [3])],
    [4, 0, -6, 1, -2, 3, 4, 0, -6],
  ),
  'aten.linspace.default': { given: [], program: () => g.linspace(-1, 1, 5), gives: [-1, -0.5, 0, 0.5, 1] },
  'aten.eye.m': { given: [], program: () => g.eye(2, 3), gives: [1, 0, 0, 0, 1, 0] },
  'srwm.constant': { given: [], program: () => g.constantOf([1, -2.5], [2, 1]), gives: [1, -2.5] },
  'srwm.checkpoint': one(
    (a) => {
      const { y } = g.checkpoint({ a }, ({ a: inner }) => ({ y: inner.mul(inner).add(1), z: inner.sum() }));
      return y;
    },
    [2, 5, 10, 17, 1, 37],
  ),
} satisfies Record<string, Case>;
