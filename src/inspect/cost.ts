/** What a graph's forward pass costs: floating-point operations and the memory of its results. */
import type { GraphSpec, NodeSpec, ValueSpec } from '../../bridge/protocol/graph-spec.ts';

export interface Cost {
  /** Floating-point operations of the forward pass; a multiplication with its addition counts two. */
  readonly flops: number;
  /** Bytes of results that have memory of their own: about what a backward pass finds again. */
  readonly bytes: number;
}

export const NO_COST: Cost = { flops: 0, bytes: 0 };

export function addCosts(a: Cost, b: Cost): Cost {
  return { flops: a.flops + b.flops, bytes: a.bytes + b.bytes };
}

/** Cost of each node of `graph`, in order; a scan counts its body once a step. */
export function nodeCosts(graph: GraphSpec): Cost[] {
  const values: ValueSpec[] = [...graph.inputs, ...graph.parameters];
  return graph.nodes.map((node) => {
    const inputs = node.inputs.map((number) => values[number] as ValueSpec);
    values.push(...node.results);
    return nodeCost(node, inputs);
  });
}

/** Cost of the whole graph. */
export function graphCost(graph: GraphSpec): Cost {
  return nodeCosts(graph).reduce(addCosts, NO_COST);
}

function nodeCost(node: NodeSpec, inputs: readonly ValueSpec[]): Cost {
  const own = VIEWS.has(node.op) ? 0 : node.results.reduce((sum, spec) => sum + bytesOf(spec), 0);
  if (node.body === null) return { flops: flopsOf(node, inputs), bytes: own };
  const inside = graphCost(node.body);
  const steps = node.op === 'srwm.scan' ? Number(node.attrs['length']) : 1;
  // A rematerialised body keeps nothing but its results.
  const kept = node.op === 'srwm.checkpoint' ? 0 : inside.bytes * steps;
  return { flops: inside.flops * steps, bytes: own + kept };
}

/** They read the memory of their input. */
const VIEWS = new Set([
  'aten.detach.default',
  'aten.reshape.default',
  'aten.permute.default',
  'aten.expand.default',
  'aten.unsqueeze.default',
  'aten.squeeze.dim',
  'aten.slice.Tensor',
  'aten.select.int',
  'aten.diagonal.default',
  'aten.split_with_sizes.default',
  'aten.unbind.int',
  'aten.unfold.default',
]);

/** They move numbers or make them from nothing. */
const MOVES = new Set([
  'aten._to_copy.default',
  'aten.flip.default',
  'aten.cat.default',
  'aten.stack.default',
  'aten.gather.default',
  'aten.index_select.default',
  'aten.repeat.default',
  'aten.repeat_interleave.self_int',
  'aten.roll.default',
  'aten.tril.default',
  'aten.triu.default',
  'aten.diag_embed.default',
  'aten.pad.default',
  'aten.scatter.src',
  'aten.index_copy.default',
  'aten.take_along_dim.default',
  'aten.index.Tensor',
  'aten.index_put.default',
  'aten.masked_fill.Scalar',
  'aten.embedding.default',
  'aten.full.default',
  'aten.arange.default',
  'aten.linspace.default',
  'aten.eye.m',
  'srwm.constant',
]);

type Rule = (inputs: readonly ValueSpec[], result: ValueSpec, node: NodeSpec) => number;

/** 2 multiplications and additions for each element of the result and each of the `inner` terms that it sums. */
const products = (result: ValueSpec, inner: number): number => 2 * count(result) * inner;
/** A window reads its weight's elements of one output channel. */
const convolution: Rule = ([, weight], result) =>
  products(result, count(weight) / Math.max(1, weight?.shape[0] ?? 1));
const transposed: Rule = ([x, weight]) => 2 * count(x) * (count(weight) / Math.max(1, weight?.shape[0] ?? 1));
const cubic =
  (factor: number): Rule =>
  ([x]) => {
    const size = x?.shape.at(-1) ?? 0;
    return factor * count(x) * size;
  };

const RULES: Readonly<Record<string, Rule>> = {
  'aten.matmul.default': ([x], result) => products(result, x?.shape.at(-1) ?? 1),
  'aten.linear.default': ([x], result) => products(result, x?.shape.at(-1) ?? 1),
  'aten.conv1d.default': convolution,
  'aten.conv2d.default': convolution,
  'aten.conv_transpose1d.default': transposed,
  'aten.conv_transpose2d.input': transposed,
  'aten.einsum.default': (inputs, _, node) => einsumFlops(String(node.attrs['equation']), inputs),
  'aten.scaled_dot_product_attention.default': ([q, k, v]) =>
    2 *
    (count(q) + (count(q) / Math.max(1, q?.shape.at(-1) ?? 1)) * (v?.shape.at(-1) ?? 0)) *
    (k?.shape.at(-2) ?? 0),
  'aten.cdist.default': ([x], result) => products(result, x?.shape.at(-1) ?? 1),
  'aten.linalg_qr.default': cubic(2),
  'aten.linalg_cholesky.default': cubic(1 / 3),
  'aten.linalg_inv.default': cubic(2),
  'aten.linalg_solve.default': cubic(2 / 3),
  'aten.linalg_slogdet.default': cubic(2 / 3),
  'aten.linalg_eigh.default': cubic(9),
  // Two products of D x C and one update a step of a chain.
  'srwm.srwm': ([x, w]) =>
    (count(x) / Math.max(1, x?.shape[3] ?? 1)) * 6 * (w?.shape[1] ?? 0) * (w?.shape[2] ?? 0),
  // One read of the old value, one write, one read of the new: K x V each.
  'srwm.delta_rule': ([q, , v]) => count(q) * 6 * (v?.shape[3] ?? 0),
};

function flopsOf(node: NodeSpec, inputs: readonly ValueSpec[]): number {
  if (VIEWS.has(node.op) || MOVES.has(node.op)) return 0;
  const result = node.results[0];
  if (result === undefined) return 0;
  const rule = RULES[node.op];
  if (rule !== undefined) return rule(inputs, result, node);
  // Element by element, or a reduction: one operation for each element of the larger side.
  return Math.max(count(result), ...inputs.map(count));
}

/** As one contraction: 2 operations for every combination of labels. */
function einsumFlops(equation: string, inputs: readonly ValueSpec[]): number {
  const terms = (equation.replaceAll(' ', '').split('->')[0] ?? '').split(',');
  const sizes = new Map<string, number>();
  let rest = 1;
  terms.forEach((term, operand) => {
    const shape = inputs[operand]?.shape ?? [];
    const [before = '', after = ''] = term.split('...');
    [...before].forEach((label, i) => sizes.set(label, shape[i] ?? 1));
    if (!term.includes('...')) return;
    [...after].forEach((label, i) => sizes.set(label, shape[shape.length - after.length + i] ?? 1));
    const middle = shape.slice(before.length, shape.length - after.length);
    rest = Math.max(
      rest,
      middle.reduce((a, b) => a * b, 1),
    );
  });
  return 2 * rest * [...sizes.values()].reduce((a, b) => a * b, 1);
}

function count(spec: ValueSpec | undefined): number {
  return spec === undefined ? 0 : spec.shape.reduce((size, dim) => size * dim, 1);
}

const BYTES: Readonly<Record<ValueSpec['dtype'], number>> = {
  float64: 8,
  int64: 8,
  key: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  bool: 1,
};

function bytesOf(spec: ValueSpec): number {
  return count(spec) * BYTES[spec.dtype];
}
