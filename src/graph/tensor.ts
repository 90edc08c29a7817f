/** A symbolic tensor: a value of the graph that is being traced. Its methods record operations. */
import type { Dtype } from '../../bridge/protocol/graph-spec.ts';
import { GraphError } from './errors.ts';
import type { Dims, ShapeOf } from './dims.ts';
import { captureCallSite, type CallSite } from './location.ts';
import type { Trace } from './trace.ts';

export type Origin =
  | { readonly kind: 'input'; readonly name: string; readonly site: CallSite }
  | { readonly kind: 'parameter'; readonly name: string; readonly site: CallSite }
  | { readonly kind: 'result'; readonly op: string; readonly index: number; readonly site: CallSite };

/**
 * A tensor of known shape and dtype whose numbers exist only in the worker, later. `Tensor<[4, 8]>` or
 * `Tensor<['B', 64]>` says its dimensions to the type checker as well; plain `Tensor` has any.
 * Methods are added by `methods.ts`, from the same functions that can be imported by name.
 */
export class Tensor<out S extends Dims = Dims> {
  readonly trace: Trace;
  readonly shape: ShapeOf<S>;
  readonly dtype: Dtype;
  readonly origin: Origin;

  constructor(trace: Trace, shape: ShapeOf<S>, dtype: Dtype, origin: Origin) {
    this.trace = trace;
    // Frozen, because `tensor.shape.reverse()` would change the program without a word.
    this.shape = Object.freeze(shape);
    this.dtype = dtype;
    this.origin = origin;
  }

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** Size of one dimension; negative counts from the end. */
  size(dim: number): number {
    const size = this.shape.at(dim);
    if (size === undefined)
      misuse(`size(${dim}): the tensor has ${this.rank} dimensions`, 'Name a dimension it has.');
    return size;
  }

  /** JavaScript would turn `a + b`, `a > 0` or `${a}` into text or NaN without a word. */
  [Symbol.toPrimitive](hint: string): never {
    const instead =
      hint === 'string'
        ? 'Print tensor.shape, or the graph with its text().'
        : 'Write a.add(b), a.mul(2), a.gt(0) and so on.';
    return misuse(
      'a traced tensor has no value in TypeScript, so it cannot be used with +, -, <, > or in a text',
      instead,
    );
  }

  /** Spreading or iterating would need values. */
  [Symbol.iterator](): never {
    return misuse(
      'a traced tensor cannot be iterated or spread',
      'Use select(dim, index) or slice(dim, start, end).',
    );
  }

  /** JSON would need values. */
  toJSON(): never {
    return misuse(
      'a traced tensor has no value in TypeScript, so it cannot be written as JSON',
      'Write { shape: tensor.shape, dtype: tensor.dtype }, or run the graph and write its results.',
    );
  }

  /** What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const { origin } = this;
    const from = origin.kind === 'result' ? `result of ${origin.op}` : `${origin.kind} "${origin.name}"`;
    return `Tensor ${this.dtype}[${this.shape.join(', ')}] (${from})`;
  }

  /** Keeps `await tensor` from silently passing it through. */
  get then(): never {
    return misuse('a traced tensor cannot be awaited: tracing is synchronous', 'Leave out await.');
  }
}

/** Refuses a use of a tensor that needs its numbers, at the author's line. */
export function misuse(message: string, remedy: string): never {
  throw new GraphError('GRAPH_TRACE', `${message}.`, remedy, captureCallSite(misuse));
}
