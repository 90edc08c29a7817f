/** Reductions, orderings, shapes, positions and constants. */
import { ALL, FLOATS, NUMBERS, type Draw, type Wanted } from './draw.ts';
import type { Dtype } from '../../../../src/graph/index.ts';

const none = {} as const;
const reduction =
  (dtypes: readonly Dtype[] = ALL) =>
  (d: Draw) => {
    const x = d.any(dtypes);
    return { inputs: [x], attrs: { dims: d.dims(x.shape.length), keepdim: d.chance(0.4) } };
  };
const spread = (d: Draw) => {
  const { inputs, attrs } = reduction(FLOATS)(d);
  return { inputs, attrs: { ...attrs, correction: d.pick([0, 1]) } };
};
/** One dimension, with positions kept or not. */
const along =
  (dtypes: readonly Dtype[] = ALL) =>
  (d: Draw) => {
    const x = d.any(dtypes);
    return { inputs: [x], attrs: { dim: d.dim(x.shape.length) } };
  };
const chosen =
  (dtypes: readonly Dtype[] = NUMBERS) =>
  (d: Draw) => {
    const { inputs, attrs } = along(dtypes)(d);
    return { inputs, attrs: { ...attrs, keepdim: d.chance(0.4) } };
  };
const chosenOrAll = (dtypes: readonly Dtype[]) => (d: Draw) => {
  const { inputs, attrs } = chosen(dtypes)(d);
  return { inputs, attrs: { ...attrs, dim: d.chance(0.3) ? null : attrs.dim } };
};

const triangle = (d: Draw) => ({ inputs: [d.any(ALL, 2)], attrs: { diagonal: d.int(-2, 2) } });

const at = (dim: number, rank: number) => (dim < 0 ? dim + rank : dim);

/** x, index and source of `scatter`: the index fits into both. */
const scattered =
  (dtypes: readonly Dtype[]) =>
  (d: Draw): { inputs: Wanted[]; dim: number } => {
    const x = d.any(dtypes, 1, 3);
    const dim = d.dim(x.shape.length);
    const where = at(dim, x.shape.length);
    const index = x.shape.map((size, i) => (i === where ? d.size() : d.int(Math.min(1, size), size)));
    const source = d.careless() ? index.map((size) => size + 1) : index;
    return {
      inputs: [
        x,
        d.index(index, x.shape[where] ?? 1),
        { shape: d.same(source), dtype: d.careless() ? d.pick(ALL) : x.dtype },
      ],
      dim,
    };
  };
const indexed = (d: Draw) => {
  const x = d.any(ALL, 1, 3);
  const dim = d.dim(x.shape.length);
  const where = at(dim, x.shape.length);
  const n = d.size();
  const source = x.shape.map((size, i) => (i === where ? n : size));
  const dtype = d.careless() ? d.pick(ALL) : x.dtype;
  return { inputs: [x, d.index([n], x.shape[where] ?? 1), { shape: d.same(source), dtype }], attrs: { dim } };
};
const random = (d: Draw) => ({
  inputs: [{ shape: [], dtype: 'key' as const }],
  attrs: { shape: d.shape(0, 3), dtype: d.pick(FLOATS) as string },
});

export const tensorSamplers = {
  'aten.sum.dim_IntList': reduction(),
  'aten.mean.dim': reduction(FLOATS),
  'aten.amax.default': reduction(),
  'aten.amin.default': reduction(),
  'aten.var.correction': spread,
  'aten.std.correction': spread,
  'aten.logsumexp.default': reduction(),
  'aten.argmax.default': chosenOrAll(NUMBERS),
  'aten.argmin.default': chosenOrAll(NUMBERS),
  'aten.cumsum.default': along(),
  'aten.softmax.int': along(FLOATS),
  'aten.log_softmax.int': along(FLOATS),
  'aten.prod.dim_int': chosenOrAll(ALL),
  'aten.any.dims': reduction(),
  'aten.all.dims': reduction(),
  'aten.linalg_vector_norm.default': (d: Draw) => {
    const { inputs, attrs } = reduction(FLOATS)(d);
    return { inputs, attrs: { ...attrs, ord: d.pick([1, 2, 3]) } };
  },
  'aten.nansum.default': reduction(),
  'aten.nanmean.default': reduction(FLOATS),
  'aten.quantile.scalar': (d: Draw) => {
    const { inputs, attrs } = chosenOrAll(['float32', 'float64'])(d);
    return { inputs, attrs: { ...attrs, q: d.careless() ? 1.5 : d.pick([0, 0.3, 1]) } };
  },
  'aten.max.dim': chosen(ALL),
  'aten.min.dim': chosen(ALL),
  'aten.median.dim': chosen(),
  'aten.sort.stable': (d: Draw) => {
    const { inputs, attrs } = along()(d);
    return { inputs, attrs: { ...attrs, descending: d.chance(0.5) } };
  },
  'aten.topk.default': (d: Draw) => {
    const { inputs, attrs } = along(NUMBERS)(d);
    const shape = inputs[0]?.shape ?? [];
    const size = shape[at(attrs.dim, shape.length)] ?? 1;
    return {
      inputs,
      attrs: { ...attrs, k: d.careless() ? size + 1 : d.int(0, size), largest: d.chance(0.5) },
    };
  },
  'aten.cumprod.default': along(),
  'aten.cummax.default': along(),
  'aten.cummin.default': along(),
  'aten.logcumsumexp.default': along(FLOATS),
  'aten.searchsorted.Tensor': (d: Draw) => {
    const edges = { shape: [d.int(1, 5)], dtype: d.pick(NUMBERS), fill: 'sorted' as const };
    const dtype = d.careless() ? d.pick(ALL) : edges.dtype;
    return { inputs: [edges, { shape: d.shape(0, 3), dtype }], attrs: { right: d.chance(0.5) } };
  },

  'aten.reshape.default': (d: Draw) => {
    const x = d.any();
    const parts = [...x.shape].reverse();
    if (parts.length > 1 && d.chance(0.5)) parts.splice(0, 2, (parts[0] ?? 1) * (parts[1] ?? 1));
    return {
      inputs: [x],
      attrs: { shape: d.same(parts.map((size, i) => (i === 0 && d.chance(0.3) ? -1 : size))) },
    };
  },
  'aten.permute.default': (d: Draw) => {
    const x = d.any();
    const order = [...x.shape.keys()].reverse();
    if (order.length > 2) order.push(...order.splice(1, 1));
    const dims = order.map((dim) => (d.chance(0.3) ? dim - x.shape.length : dim));
    return { inputs: [x], attrs: { dims: d.careless() ? dims.slice(1) : dims } };
  },
  'aten.expand.default': (d: Draw) => {
    const x = d.any();
    const grown = x.shape.map((size) => (size === 1 ? d.size() : d.chance(0.3) ? -1 : size));
    const ahead = d.chance(0.3) ? [d.careless() ? -1 : d.size()] : [];
    return { inputs: [x], attrs: { shape: [...ahead, ...d.same(grown)] } };
  },
  'aten.unsqueeze.default': (d: Draw) => {
    const x = d.any();
    return { inputs: [x], attrs: { dim: d.dim(x.shape.length + 1) } };
  },
  'aten.squeeze.dim': along(),
  'aten.slice.Tensor': (d: Draw) => {
    const x = d.any(ALL, 1);
    const attrs = { dim: d.dim(x.shape.length), start: d.int(-3, 3), end: d.int(-3, 6), step: d.int(1, 2) };
    return { inputs: [x], attrs };
  },
  'aten.select.int': (d: Draw) => {
    const x = d.any(ALL, 1);
    const dim = d.dim(x.shape.length);
    const size = x.shape[at(dim, x.shape.length)] ?? 1;
    return { inputs: [x], attrs: { dim, index: d.careless() ? size : d.int(-size, Math.max(0, size - 1)) } };
  },
  'aten.flip.default': (d: Draw) => {
    const x = d.any();
    return { inputs: [x], attrs: { dims: d.dims(x.shape.length) } };
  },
  'aten.cat.default': (d: Draw) => {
    const first = d.any(ALL, 1, 3);
    const dim = d.dim(first.shape.length);
    const where = at(dim, first.shape.length);
    const more = Array.from({ length: d.int(0, 2) }, () => ({
      shape: d.same(first.shape.map((size, i) => (i === where ? d.size() : size))),
      dtype: d.pick(ALL),
    }));
    return { inputs: [first, ...more], attrs: { dim } };
  },
  'aten.stack.default': (d: Draw) => {
    const first = d.any(ALL, 0, 3);
    const more = Array.from({ length: d.int(0, 2) }, () => ({
      shape: d.same(first.shape),
      dtype: d.pick(ALL),
    }));
    return { inputs: [first, ...more], attrs: { dim: d.dim(first.shape.length + 1) } };
  },
  'aten.gather.default': (d: Draw) => {
    const { inputs, dim } = scattered(ALL)(d);
    return { inputs: inputs.slice(0, 2), attrs: { dim } };
  },
  'aten.index_select.default': (d: Draw) => {
    const { inputs, attrs } = indexed(d);
    return { inputs: inputs.slice(0, 2), attrs };
  },
  'aten.diagonal.default': (d: Draw) => ({
    inputs: [d.any(ALL, 2)],
    attrs: d.chance(0.5) ? {} : { offset: d.int(-2, 2) },
  }),

  'aten.repeat.default': (d: Draw) => {
    const x = d.any(ALL, 0, 3);
    const rank = d.careless() ? d.int(0, 4) : x.shape.length + d.int(0, 1);
    return { inputs: [x], attrs: { repeats: Array.from({ length: rank }, () => d.int(0, 2)) } };
  },
  'aten.repeat_interleave.self_int': (d: Draw) => {
    const { inputs, attrs } = along()(d);
    return { inputs, attrs: { ...attrs, repeats: d.int(0, 3) } };
  },
  'aten.roll.default': (d: Draw) => {
    const x = d.any(ALL, 1);
    const dims = Array.from({ length: d.int(1, 2) }, () => d.dim(x.shape.length));
    return { inputs: [x], attrs: { dims, shifts: dims.map(() => d.int(-4, 4)) } };
  },
  'aten.tril.default': triangle,
  'aten.triu.default': triangle,
  'aten.diag_embed.default': (d: Draw) => ({ inputs: [d.any(ALL, 1, 3)], attrs: { offset: d.int(-2, 2) } }),
  'aten.split_with_sizes.default': (d: Draw) => {
    const x = d.any(ALL, 1);
    const dim = d.dim(x.shape.length);
    const size = x.shape[at(dim, x.shape.length)] ?? 1;
    const first = d.int(0, size);
    return { inputs: [x], attrs: { dim, sizes: [first, d.careless() ? size : size - first] } };
  },
  'aten.unbind.int': (d: Draw) => {
    const x = d.any(ALL, 1, 3);
    return { inputs: [x], attrs: { dim: d.dim(x.shape.length) } };
  },
  'aten.pad.default': (d: Draw) => {
    const mode = d.pick(['constant', 'constant', 'reflect', 'replicate', 'circular']);
    const x = mode === 'constant' ? d.any() : d.any(FLOATS, 3, 4);
    const count = mode === 'constant' ? d.int(0, x.shape.length) : x.shape.length - 2;
    const pad = Array.from({ length: 2 * count }, () => d.int(mode === 'constant' ? -1 : 0, 2));
    return { inputs: [x], attrs: { pad, mode, value: mode === 'constant' ? 0.5 : null } };
  },
  'aten.unfold.default': (d: Draw) => {
    const x = d.any(ALL, 1);
    const dim = d.dim(x.shape.length);
    const size = x.shape[at(dim, x.shape.length)] ?? 1;
    return {
      inputs: [x],
      attrs: { dim, size: d.careless() ? size + 1 : d.int(1, Math.max(1, size)), step: d.int(1, 2) },
    };
  },

  'aten.scatter.src': (d: Draw) => {
    const { inputs, dim } = scattered(ALL)(d);
    return { inputs, attrs: { dim } };
  },
  'aten.scatter_add.default': (d: Draw) => {
    const { inputs, dim } = scattered(NUMBERS)(d);
    return { inputs, attrs: { dim } };
  },
  'aten.scatter_reduce.two': (d: Draw) => {
    const { inputs, dim } = scattered(FLOATS)(d);
    const reduce = d.pick(['sum', 'prod', 'mean', 'amax', 'amin']);
    return { inputs, attrs: { dim, reduce, include_self: d.chance(0.5) } };
  },
  'aten.index_add.default': indexed,
  'aten.index_copy.default': indexed,
  'aten.take_along_dim.default': (d: Draw) => {
    const x = d.any(ALL, 1, 3);
    const dim = d.dim(x.shape.length);
    const where = at(dim, x.shape.length);
    const index = x.shape.map((size, i) => (i === where ? d.size() : d.chance(0.3) ? 1 : size));
    return { inputs: [x, d.index(index, x.shape[where] ?? 1)], attrs: { dim } };
  },
  'aten.index.Tensor': (d: Draw) => {
    const x = d.any(ALL, 1, 3);
    const shape = d.shape(0, 2);
    const count = d.int(1, x.shape.length);
    // Of one rank: fake tensors lose a dimension where one of several positions has none.
    const indices = Array.from({ length: count }, (_, i) =>
      d.index(
        shape.map((size) => (d.chance(0.3) ? 1 : size)),
        x.shape[i] ?? 1,
      ),
    );
    return { inputs: [x, ...indices], attrs: none };
  },
  'aten.index_put.default': (d: Draw) => {
    const x = d.any(ALL, 1, 3);
    const shape = d.shape(0, 2);
    const dtype = d.careless() ? d.pick(ALL) : x.dtype;
    const values = { shape: d.partner([...shape, ...x.shape.slice(1)]), dtype };
    return { inputs: [x, values, d.index(shape, x.shape[0] ?? 1)], attrs: { accumulate: d.chance(0.5) } };
  },
  'aten.masked_fill.Scalar': (d: Draw) => {
    const x = d.any();
    const value = d.pick([0, 1, 0.5]);
    return { inputs: [x, { shape: d.partner(x.shape), dtype: d.dtype(['bool']) }], attrs: { value } };
  },
  'aten.embedding.default': (d: Draw) => {
    const weight = d.any(FLOATS, 2, 2);
    const index = d.index(d.shape(0, 3), weight.shape[0] ?? 1);
    return { inputs: [weight, index], attrs: none };
  },

  'aten.full.default': (d: Draw) => ({
    inputs: [],
    attrs: { shape: d.shape(0, 3), value: d.pick([0, 1, 2]), dtype: d.pick(ALL) as string },
  }),
  'aten.arange.default': (d: Draw) => ({
    inputs: [],
    attrs: {
      end: d.int(0, 5),
      dtype: d.pick(NUMBERS) as string,
      ...(d.chance(0.5) ? {} : { start: d.int(0, 3), step: d.pick([1, 2, -1]) }),
    },
  }),
  'aten.linspace.default': (d: Draw) => ({
    inputs: [],
    attrs: { start: -1, end: d.pick([0, 2.5]), steps: d.int(0, 5), dtype: d.pick(FLOATS) as string },
  }),
  'aten.eye.m': (d: Draw) => ({
    inputs: [],
    attrs: { n: d.size(), m: d.size(), dtype: d.pick(ALL) as string },
  }),
  'srwm.constant': (d: Draw) => {
    const shape = d.shape(0, 2);
    const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => d.int(0, 1));
    return { inputs: [], attrs: { values, shape, dtype: d.pick(ALL) as string } };
  },
  'srwm.random_uniform': random,
  'srwm.random_normal': random,
};
