/** Shape arithmetic shared by the op table's shape rules. */
import { argumentFault, shapeFault } from './errors.ts';

export type Shape = readonly number[];

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The common shape of all inputs under broadcasting. */
export function broadcast(shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result: number[] = [];
  for (let back = 1; back <= rank; back++) {
    let size = 1;
    for (const shape of shapes) {
      const own = shape.at(-back) ?? 1;
      if (shape.length < back || own === 1 || own === size) continue;
      if (size !== 1) {
        shapeFault(
          `cannot broadcast ${shapes.map(formatShape).join(' with ')}: dimension -${back} is ${size} vs ${own}`,
        );
      }
      size = own;
    }
    result.unshift(size);
  }
  return result;
}

/** Turns a dimension in [-rank, rank) into [0, rank). */
export function normalizeDim(dim: number, rank: number): number {
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank) {
    argumentFault(`dimension must be an integer in [${-rank}, ${rank - 1}], got ${dim}`);
  }
  return dim < 0 ? dim + rank : dim;
}

export function normalizeDims(dims: readonly number[], rank: number): number[] {
  const result = dims.map((dim) => normalizeDim(dim, rank));
  if (new Set(result).size !== result.length)
    argumentFault(`dimensions must differ, got ${formatShape(dims)}`);
  return result;
}

/** Shape after reducing `dims`; an empty list reduces all, as in PyTorch. */
export function reduced(shape: Shape, dims: readonly number[], keepdim: boolean): number[] {
  const gone = new Set(dims.length === 0 ? shape.keys() : normalizeDims(dims, shape.length));
  return keepdim
    ? shape.map((size, dim) => (gone.has(dim) ? 1 : size))
    : shape.filter((_, dim) => !gone.has(dim));
}

/** Sizes are whole numbers; `reshape` and `expand` also take -1. */
export function requireSizes(what: string, shape: Shape, least: 0 | -1 = 0): void {
  if (shape.some((size) => !Number.isInteger(size) || size < least)) {
    argumentFault(`${what} must hold whole numbers of at least ${least}, got ${formatShape(shape)}`);
  }
}

/** The concrete target of a reshape that may hold one -1. */
export function reshaped(shape: Shape, target: readonly number[]): number[] {
  requireSizes('the new shape', target, -1);
  const size = sizeOf(shape);
  const known = target.filter((dim) => dim !== -1).reduce((product, dim) => product * dim, 1);
  const open = target.filter((dim) => dim === -1).length;
  if (open > 1) argumentFault(`at most one dimension may be -1, got ${formatShape(target)}`);
  if (open === 1) {
    if (known === 0 || size % known !== 0) {
      shapeFault(`cannot reshape ${formatShape(shape)} (${size} elements) to ${formatShape(target)}`);
    }
    return target.map((dim) => (dim === -1 ? size / known : dim));
  }
  if (known !== size) {
    shapeFault(
      `cannot reshape ${formatShape(shape)} (${size} elements) to ${formatShape(target)} (${known} elements)`,
    );
  }
  return [...target];
}

export function requireRank(what: string, shape: Shape, rank: number): void {
  if (shape.length !== rank) shapeFault(`${what} must have ${rank} dimensions, got ${formatShape(shape)}`);
}

/** Output length of a convolution or pooling window. */
export function windowed(size: number, kernel: number, stride: number, padding: number): number {
  const result = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  if (result < 1) shapeFault(`a window of ${kernel} (padding ${padding}) does not fit into ${size}`);
  return result;
}
