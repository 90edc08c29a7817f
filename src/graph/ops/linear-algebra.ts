/** Einstein sums and matrix factorisations. */
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { broadcast, formatShape } from '../shape.ts';
import { call, define, inputAt, requireFloating, requireOneDtype, type Specs } from './definition.ts';
import { einsumShape } from './einsum.ts';

const LAPACK = (inputs: Specs) => {
  const dtype = requireOneDtype(inputs);
  if (dtype !== 'float32' && dtype !== 'float64')
    dtypeFault(`input must be float32 or float64, got ${dtype}`);
  return dtype;
};

function requireSquare(shape: readonly number[]): void {
  if (shape.length < 2 || shape.at(-1) !== shape.at(-2)) {
    shapeFault(`input must be square in its last two dimensions, got ${formatShape(shape)}`);
  }
}

export const linearAlgebraOps = {
  'aten.einsum.default': define<Readonly<{ equation: string }>>({
    shape: (inputs, { equation }) => [
      einsumShape(
        equation,
        inputs.map(({ shape }) => shape),
      ),
    ],
    dtype: (inputs) => {
      // Integers would come out as int64 or not, depending on how torch contracts them.
      requireFloating('input', inputAt(inputs, 0));
      return [requireOneDtype(inputs)];
    },
    print: call('einsum'),
  }),
  /** x [..., n, n], symmetric and positive definite, to the lower triangular L with x = L L^T. */
  'aten.linalg_cholesky.default': define({
    shape: (inputs) => (requireSquare(inputAt(inputs, 0).shape), [[...inputAt(inputs, 0).shape]]),
    dtype: (inputs) => [LAPACK(inputs)],
    print: call('cholesky'),
  }),
  'aten.linalg_inv.default': define({
    shape: (inputs) => (requireSquare(inputAt(inputs, 0).shape), [[...inputAt(inputs, 0).shape]]),
    dtype: (inputs) => [LAPACK(inputs)],
    print: call('inverse'),
  }),
  /** inputs: a [..., n, n], b [..., n, k]. */
  'aten.linalg_solve.default': define({
    shape: (inputs) => {
      const [a, b] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      // torch takes a right side of this very shape for a batch of vectors.
      if (a.length > 2 && formatShape(b) === formatShape(a.slice(0, -1))) {
        shapeFault(
          `the right side ${formatShape(b)} could be one matrix or many vectors: write b.unsqueeze(0) or b.unsqueeze(-1)`,
        );
      }
      return [solved(inputs)];
    },
    dtype: (inputs) => [LAPACK(inputs)],
    print: call('solve'),
  }),
  /** inputs: a [..., n, n] triangular, b [..., n, k]. */
  'aten.linalg_solve_triangular.default': define<Readonly<{ upper: boolean }>>({
    shape: (inputs) => [solved(inputs)],
    dtype: (inputs) => [LAPACK(inputs)],
    print: call('solve_triangular'),
  }),
  /** x [..., n, n] to (sign [...], log |det| [...]). */
  'aten.linalg_slogdet.default': define({
    shape: (inputs) => {
      const { shape } = inputAt(inputs, 0);
      requireSquare(shape);
      return [shape.slice(0, -2), shape.slice(0, -2)];
    },
    dtype: (inputs) => [LAPACK(inputs), LAPACK(inputs)],
    print: call('slogdet'),
  }),
  /** x [..., n, n] symmetric to (eigenvalues [..., n] ascending, eigenvectors [..., n, n]). */
  'aten.linalg_eigh.default': define({
    shape: (inputs) => {
      const { shape } = inputAt(inputs, 0);
      requireSquare(shape);
      return [shape.slice(0, -1), [...shape]];
    },
    dtype: (inputs) => [LAPACK(inputs), LAPACK(inputs)],
    print: call('eigh'),
  }),
  /** inputs: a [..., n, d], b [..., m, d]; the p-norms of all differences, [..., n, m]. */
  'aten.cdist.default': define<Readonly<{ p: number }>>({
    shape: (inputs, { p }) => {
      const [a, b] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
      if (!(p >= 0)) argumentFault(`p must be at least 0, got ${p}`);
      if (a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-1)) {
        shapeFault(`inputs must be [..., n, d] and [..., m, d], got ${formatShape(a)} and ${formatShape(b)}`);
      }
      return [[...broadcast([a.slice(0, -2), b.slice(0, -2)]), a.at(-2) ?? 0, b.at(-2) ?? 0]];
    },
    dtype: (inputs) => [LAPACK(inputs)],
    print: call('cdist'),
  }),
  /** inputs: query [..., L, E], key [..., S, E], value [..., S, V], optional mask (bool or floating) to [..., L, S]. */
  'aten.scaled_dot_product_attention.default': define<Readonly<{ is_causal: boolean; scale: number | null }>>(
    {
      shape: (inputs, { is_causal }) => {
        const [q, k, v] = [0, 1, 2].map((i) => inputAt(inputs, i).shape) as [number[], number[], number[]];
        const mask = inputs[3]?.shape;
        if ([q, k, v].some((shape) => shape.length < 2 || shape.length !== q.length)) {
          shapeFault(
            `query, key and value must have equally many dimensions, at least 2, got ${[q, k, v].map(formatShape).join(', ')}`,
          );
        }
        if (q.at(-1) !== k.at(-1) || k.at(-2) !== v.at(-2)) {
          shapeFault(
            `must be query [..., L, E], key [..., S, E], value [..., S, V], got ${[q, k, v].map(formatShape).join(', ')}`,
          );
        }
        const batch = broadcast([q, k, v].map((shape) => shape.slice(0, -2)));
        if (mask !== undefined) {
          if (is_causal) argumentFault('causal and a mask exclude each other');
          if (mask.length < 2) shapeFault(`mask must have at least 2 dimensions, got ${formatShape(mask)}`);
          const scores = [...batch, q.at(-2) ?? 0, k.at(-2) ?? 0];
          if (formatShape(broadcast([scores, mask])) !== formatShape(scores)) {
            shapeFault(`mask must broadcast to ${formatShape(scores)}, got ${formatShape(mask)}`);
          }
        }
        return [[...batch, q.at(-2) ?? 0, v.at(-1) ?? 0]];
      },
      dtype: (inputs) => {
        requireFloating('query', inputAt(inputs, 0));
        const dtype = requireOneDtype(inputs.slice(0, 3));
        const mask = inputs[3]?.dtype;
        if (mask !== undefined && mask !== 'bool' && mask !== dtype) {
          dtypeFault(`mask must be bool or ${dtype}, got ${mask}`);
        }
        return [dtype];
      },
      print: call('attention'),
    },
  ),
};

function solved(inputs: Specs): number[] {
  const [a, b] = [inputAt(inputs, 0).shape, inputAt(inputs, 1).shape];
  requireSquare(a);
  if (b.length < 2 || b.at(-2) !== a.at(-1)) {
    shapeFault(`the right side must be [..., ${a.at(-1)}, k], got ${formatShape(b)}`);
  }
  return [...broadcast([a.slice(0, -2), b.slice(0, -2)]), b.at(-2) ?? 0, b.at(-1) ?? 0];
}
