/** Linear algebra, windows, normalisations, losses. */
import { ALL, FLOATS, NUMBERS, type Draw, type Wanted } from './draw.ts';
import type { Dtype } from '../../../../src/graph/index.ts';

const none = {} as const;
const LAPACK: readonly Dtype[] = ['float32', 'float64'];
const REDUCTIONS = ['none', 'mean', 'sum'];

/** The dtypes of a recurrence's inputs and of what it keeps. */
function recurrent(d: Draw): [Dtype, Dtype] {
  const dtype = d.pick(FLOATS);
  const kept = dtype === 'float64' ? 'float64' : 'float32';
  return [dtype, d.careless() ? d.pick(FLOATS) : kept];
}

const square = (d: Draw): Wanted => {
  const n = d.int(1, 4);
  return { shape: d.same([...d.shape(0, 2), n, n]), dtype: d.dtype(LAPACK), fill: 'spd' };
};
const ofSquare = (d: Draw) => ({ inputs: [square(d)], attrs: none });
const solved = (d: Draw) => {
  const a = square(d);
  const right = {
    shape: d.same([...d.partner(a.shape.slice(0, -2)), a.shape.at(-1) ?? 1, d.size()]),
    dtype: a.dtype,
  };
  return { inputs: [a, right], attrs: none };
};
const of = (shape: readonly number[], dtype: Dtype): Wanted => ({ shape: [...shape], dtype });

/** Optional vectors of `size`. */
const affine = (d: Draw, size: number, dtype: Dtype, count: number): Wanted[] =>
  d.chance(0.3) ? [] : Array.from({ length: count }, () => of(d.same([size]), dtype));

const convolution = (rank: number) => (d: Draw) => {
  const dtype = d.dtype(FLOATS);
  const groups = d.pick([1, 1, 2]);
  const [channels, filters] = [groups * d.int(1, 2), groups * d.int(1, 2)];
  const x = of(d.same([d.int(1, 2), channels, ...Array.from({ length: rank }, () => d.int(3, 6))]), dtype);
  const kernel = Array.from({ length: rank }, () => d.int(1, 3));
  const weight = of(d.same([filters, channels / groups, ...kernel]), dtype);
  const bias = d.chance(0.5) ? [of(d.same([filters]), dtype)] : [];
  const each = (low: number, high: number) => Array.from({ length: rank }, () => d.int(low, high));
  const attrs = { stride: each(1, 2), padding: each(0, 1), dilation: each(1, 2), groups };
  return { inputs: [x, weight, ...bias], attrs };
};
const transposed = (rank: number) => (d: Draw) => {
  const { inputs, attrs } = convolution(rank)(d);
  const [x, weight] = inputs as [Wanted, Wanted];
  const filters = d.int(1, 2);
  const turned = of(d.same([x.shape[1] ?? 1, filters, ...weight.shape.slice(2)]), x.dtype);
  const bias = d.chance(0.5) ? [of(d.same([filters * attrs.groups]), x.dtype)] : [];
  const extra = Array.from({ length: rank }, () => d.int(0, 1));
  return { inputs: [x, turned, ...bias], attrs: { ...attrs, output_padding: extra } };
};
const pooled = (rank: number, dtypes: readonly Dtype[]) => (d: Draw) => {
  const x = of(
    d.same([d.int(1, 2), d.int(1, 3), ...Array.from({ length: rank }, () => d.int(2, 6))]),
    d.dtype(dtypes),
  );
  const each = (low: number, high: number) => Array.from({ length: rank }, () => d.int(low, high));
  return { inputs: [x], attrs: { kernel: each(1, 3), stride: each(1, 2), padding: each(0, 1) } };
};
const averaged = (rank: number) => (d: Draw) => {
  const { inputs, attrs } = pooled(rank, FLOATS)(d);
  return { inputs, attrs: { ...attrs, count_include_pad: d.chance(0.5) } };
};
const resized = (rank: number) => (d: Draw) => {
  const { inputs } = pooled(rank, FLOATS)(d);
  return { inputs, attrs: { size: Array.from({ length: rank }, () => d.int(1, 5)) } };
};

/** Scores [N, C, ...] or [C] and the class numbers that go with them. */
const classified = (d: Draw) => {
  const shape = d.chance(0.3) ? [d.int(1, 4)] : [d.int(1, 3), d.int(1, 4), ...d.shape(0, 1)];
  const dtype = d.dtype(FLOATS);
  const classes = (shape.length === 1 ? shape[0] : shape[1]) ?? 1;
  const target = d.index(shape.length === 1 ? [] : shape.filter((_, i) => i !== 1), classes);
  const weight = d.chance(0.3) ? [of(d.same([classes]), dtype)] : [];
  return {
    scores: of(shape, dtype),
    target,
    weight,
    attrs: { reduction: d.pick(REDUCTIONS), ignore_index: -100 },
  };
};
const pairwise = (d: Draw) => {
  const a = d.any(FLOATS, 0, 3);
  const b = of(d.partner(a.shape), d.careless() ? d.dtype(FLOATS) : a.dtype);
  return { inputs: [a, b], attrs: { reduction: d.pick(REDUCTIONS) } };
};
const statistics = (d: Draw) => {
  const x = of(d.same([d.int(2, 3), d.int(1, 3), ...d.shape(0, 2)]), d.dtype(LAPACK));
  return {
    x,
    vectors: Array.from({ length: 4 }, (): Wanted => ({
      ...of(d.same([x.shape[1] ?? 1]), x.dtype),
      fill: 'unit',
    })),
  };
};

const EQUATIONS: readonly [string, readonly string[]][] = [
  ['ij,jk->ik', ['ij', 'jk']],
  ['bhqd,bhkd->bhqk', ['bhqd', 'bhkd']],
  ['ij->ji', ['ij']],
  ['ii->i', ['ii']],
  ['ij,ij->', ['ij', 'ij']],
  ['i,j', ['i', 'j']],
  ['...ij,...jk->...ik', ['bij', 'bjk']],
  ['...i,i->...', ['abi', 'i']],
  ['bij,bkj', ['bij', 'bkj']],
];

export const layerSamplers = {
  'aten.matmul.default': (d: Draw) => {
    const dtype = d.dtype(NUMBERS);
    const [n, k, m] = [d.size(), d.size(), d.size()];
    const batch = d.shape(0, 2);
    const a = d.chance(0.2) ? [k] : [...batch, n, k];
    const b = d.chance(0.2) ? [k] : [...d.partner(batch), k, m];
    return { inputs: [of(d.same(a), dtype), of(d.same(b), d.careless() ? d.pick(ALL) : dtype)], attrs: none };
  },
  'aten.linear.default': (d: Draw) => {
    const dtype = d.dtype(FLOATS);
    const [n, k] = [d.size(), d.size()];
    const bias = d.chance(0.5) ? [of(d.same([n]), dtype)] : [];
    return {
      inputs: [of(d.same([...d.shape(0, 2), k]), dtype), of(d.same([n, k]), dtype), ...bias],
      attrs: none,
    };
  },
  'aten.linalg_qr.default': (d: Draw) => ({
    inputs: [{ shape: d.shape(2, 3), dtype: d.dtype(LAPACK) }],
    attrs: none,
  }),
  'aten.conv2d.default': convolution(2),
  'aten.conv1d.default': convolution(1),
  'aten.conv_transpose1d.default': transposed(1),
  'aten.conv_transpose2d.input': transposed(2),
  'aten.max_pool2d.default': pooled(2, FLOATS),
  'aten.max_pool1d.default': pooled(1, FLOATS),
  'aten.avg_pool1d.default': averaged(1),
  'aten.avg_pool2d.default': averaged(2),
  'aten.adaptive_avg_pool1d.default': resized(1),
  'aten.adaptive_avg_pool2d.default': resized(2),
  'aten.adaptive_max_pool2d.default': resized(2),
  'aten.upsample_nearest2d.default': resized(2),
  'aten.upsample_bilinear2d.default': resized(2),
  'aten.layer_norm.default': (d: Draw) => {
    const x = d.any(FLOATS, 1);
    return { inputs: [x, ...affine(d, x.shape.at(-1) ?? 1, x.dtype, 2)], attrs: { epsilon: 1e-5 } };
  },
  'aten.rms_norm.default': (d: Draw) => {
    const x = d.any(FLOATS, 1);
    return { inputs: [x, ...affine(d, x.shape.at(-1) ?? 1, x.dtype, 1)], attrs: { epsilon: 1e-5 } };
  },
  'aten.group_norm.default': (d: Draw) => {
    const groups = d.int(1, 2);
    const x = of([d.int(1, 3), groups * d.int(1, 2), ...d.shape(1, 2)], d.dtype(FLOATS));
    const inputs = [x, ...affine(d, x.shape[1] ?? 1, x.dtype, 2)];
    return { inputs, attrs: { num_groups: d.careless() ? 3 : groups, epsilon: 1e-5 } };
  },
  'aten.batch_norm.default': (d: Draw) => {
    const { x, vectors } = statistics(d);
    return { inputs: [x, ...vectors], attrs: { epsilon: 1e-5 } };
  },
  'aten._batch_norm_with_update_functional.default': (d: Draw) => {
    const { x, vectors } = statistics(d);
    return { inputs: [x, ...vectors], attrs: { epsilon: 1e-5, momentum: 0.1 } };
  },
  'aten.einsum.default': (d: Draw) => {
    const [equation, terms] = d.pick(EQUATIONS);
    const sizes = new Map<string, number>();
    const sizeOf = (label: string) => sizes.get(label) ?? (sizes.set(label, d.size()), sizes.get(label) ?? 1);
    const dtype = d.dtype(FLOATS);
    return { inputs: terms.map((term) => of(d.same([...term].map(sizeOf)), dtype)), attrs: { equation } };
  },
  'aten.linalg_cholesky.default': ofSquare,
  'aten.linalg_inv.default': ofSquare,
  'aten.linalg_slogdet.default': ofSquare,
  'aten.linalg_eigh.default': ofSquare,
  'aten.linalg_solve.default': solved,
  'aten.linalg_solve_triangular.default': (d: Draw) => ({
    inputs: solved(d).inputs,
    attrs: { upper: d.chance(0.5) },
  }),
  'aten.cdist.default': (d: Draw) => {
    const [batch, size, dtype] = [d.shape(0, 2), d.size(), d.dtype(LAPACK)];
    const a = of(d.same([...batch, d.size(), size]), dtype);
    return {
      inputs: [a, of(d.same([...d.partner(batch), d.size(), size]), dtype)],
      attrs: { p: d.pick([1, 2]) },
    };
  },
  'aten.scaled_dot_product_attention.default': (d: Draw) => {
    const dtype = d.dtype(FLOATS);
    const [batch, l, s, e, v] = [d.shape(0, 2), d.int(1, 4), d.int(1, 4), d.int(1, 4), d.int(1, 4)];
    const causal = d.chance(0.4);
    const masked = !causal || d.careless() ? d.chance(0.5) : false;
    const mask = masked ? [of(d.partner([...batch, l, s]), d.pick(['bool', dtype]))] : [];
    const inputs = [
      of(d.same([...batch, l, e]), dtype),
      of(d.same([...batch, s, e]), dtype),
      of(d.same([...batch, s, v]), dtype),
    ];
    return { inputs: [...inputs, ...mask], attrs: { is_causal: causal, scale: d.pick([null, 0.5]) } };
  },
  'aten.cross_entropy_loss.default': (d: Draw) => {
    const { scores, target, weight, attrs } = classified(d);
    const smoothing = { label_smoothing: d.pick([0, 0.1]) };
    return d.chance(0.3)
      ? {
          inputs: [scores, of(d.same(scores.shape), scores.dtype), ...weight],
          attrs: { ...attrs, ...smoothing },
        }
      : { inputs: [scores, target, ...weight], attrs: { ...attrs, ...smoothing } };
  },
  'aten.nll_loss_nd.default': (d: Draw) => {
    const { scores, target, weight, attrs } = classified(d);
    return { inputs: [scores, target, ...weight], attrs };
  },
  'aten.binary_cross_entropy_with_logits.default': (d: Draw) => {
    const a = d.any(FLOATS, 0, 3);
    return {
      inputs: [
        a,
        { ...of(d.same(a.shape), d.careless() ? d.dtype(FLOATS) : a.dtype), fill: 'unit' as const },
      ],
      attrs: { reduction: d.pick(REDUCTIONS) },
    };
  },
  'aten.mse_loss.default': pairwise,
  'aten.l1_loss.default': pairwise,
  'aten.smooth_l1_loss.default': (d: Draw) => {
    const { inputs, attrs } = pairwise(d);
    return { inputs, attrs: { ...attrs, beta: d.pick([0.5, 1]) } };
  },
  'aten.huber_loss.default': (d: Draw) => {
    const { inputs, attrs } = pairwise(d);
    return { inputs, attrs: { ...attrs, delta: d.pick([0.5, 1]) } };
  },
  'aten.kl_div.default': (d: Draw) => {
    const { inputs, attrs } = pairwise(d);
    return { inputs, attrs: { ...attrs, log_target: d.chance(0.5) } };
  },
  'aten.cosine_similarity.default': (d: Draw) => {
    const { inputs } = pairwise(d);
    return {
      inputs,
      attrs: { dim: d.dim(Math.max(...inputs.map(({ shape }) => shape.length))), epsilon: 1e-8 },
    };
  },
  'srwm.delta_rule': (d: Draw) => {
    const [t, b, h, k, v] = [d.int(1, 3), d.int(1, 2), d.int(1, 2), d.int(1, 4), d.int(1, 4)];
    const [dtype, kept] = recurrent(d);
    const shapes = [
      [t, b, h, k],
      [t, b, h, k],
      [t, b, h, v],
      [t, b, h],
      [b, h, k, v],
    ];
    const inputs = shapes.map((shape, i) => of(d.same(shape), i < 4 ? dtype : kept));
    inputs.push(of(d.same([t, b]), 'bool'));
    return { inputs, attrs: { bptt: d.pick(['unroll', 'step']) } };
  },
  'srwm.srwm': (d: Draw) => {
    const [t, b, h, size, y] = [d.int(1, 3), d.int(1, 2), d.int(1, 2), d.int(1, 4), d.int(1, 4)];
    const columns = y + 2 * size + 4;
    const [dtype, kept] = recurrent(d);
    const inputs = [
      of(d.same([t, b, h, size]), dtype),
      of(d.same([h, size, columns]), kept),
      of(d.same([b, h, size, columns]), kept),
      of(d.same([t, b]), 'bool'),
    ];
    return { inputs, attrs: { input_softmax: d.chance(0.5), bptt: d.pick(['unroll', 'step']) } };
  },
};
