/**
 * Shapes as types: literal and named dimensions, compared for equality and broadcasting and nothing more.
 *
 * There is no arithmetic on types: what would need it (`reshape`, `flatten`, `cat`) gives `number`s, which fit
 * everything here and are checked when the function is traced.
 */

/** Sizes (`8`), names (`'B'`) or unknown (`number`), one a dimension; `Dims` itself is a tensor of unknown rank. */
export type Dims = readonly (number | string)[];

/** A named size: equal names are equal sizes for the type checker; at run time it is only its size. */
export interface NamedDim<N extends string = string> {
  readonly name: N;
  readonly size: number;
}

/**
 * Names a size, so that the type checker tells it from others.
 *
 * @example const batch = dim('B', 32); tensorSpec([batch, 64]) // Tensor<['B', 64]>
 */
export function dim<const N extends string>(name: N, size: number): NamedDim<N> {
  return { name, size };
}

/** What an author writes for a shape. */
export type Sizes = readonly (number | NamedDim)[];

/** The dimensions that an author's sizes stand for. */
export type DimsOfSizes<S extends Sizes> = {
  -readonly [K in keyof S]: S[K] extends NamedDim<infer N> ? N : S[K] extends number ? S[K] : never;
};

/** The numbers at run time. */
export type ShapeOf<S extends Dims> = {
  readonly [K in keyof S]: S[K] extends number ? S[K] : number;
};

/** Never a value: what stands beside it in a parameter's type says why an argument does not fit. */
export interface ShapeMismatch<Message extends string> {
  readonly '~mismatch': Message;
}

type IsOpen<S extends Dims> = number extends S['length'] ? true : false;

/** One dimension under broadcasting; `never` when the two cannot fit. A name and a number may be equal. */
type BroadcastDim<A extends number | string, B extends number | string> = A extends 1
  ? B
  : B extends 1
    ? A
    : number extends A
      ? B
      : number extends B
        ? A
        : A extends B
          ? A
          : [A, B] extends [string, string] | [number, number]
            ? never
            : A extends string
              ? B
              : A;

/** The dimensions of both under broadcasting, aligned at the last one. */
export type Broadcast<A extends Dims, B extends Dims> =
  IsOpen<A> extends true ? Dims : IsOpen<B> extends true ? Dims : BroadcastTuples<A, B>;
type BroadcastTuples<A extends Dims, B extends Dims, Tail extends Dims = []> = A extends readonly [
  ...infer AHead extends Dims,
  infer ALast extends number | string,
]
  ? B extends readonly [...infer BHead extends Dims, infer BLast extends number | string]
    ? BroadcastTuples<AHead, BHead, [BroadcastDim<ALast, BLast>, ...Tail]>
    : [...A, ...Tail]
  : [...B, ...Tail];

/** True when a result holds a dimension that cannot be. */
type HasNever<S extends Dims> =
  IsOpen<S> extends true
    ? false
    : true extends { [K in keyof S]: [S[K]] extends [never] ? true : false }[number]
      ? true
      : false;

type Text<S extends Dims> = S extends readonly [
  infer First extends number | string,
  ...infer Rest extends Dims,
]
  ? Rest extends readonly []
    ? `${First}`
    : `${First}, ${Text<Rest>}`
  : '';

/** `unknown` where the two broadcast, a sentence where they do not. */
export type Fits<A extends Dims, B extends Dims> =
  HasNever<Broadcast<A, B>> extends true
    ? ShapeMismatch<`cannot broadcast [${Text<A>}] with [${Text<B>}]`>
    : unknown;

/** [..., m, k] times [..., k, n]; shapes with fewer than two dimensions are left to the tracer. */
export type MatmulDims<A extends Dims, B extends Dims> = A extends readonly [
  ...infer ABatch extends Dims,
  infer M extends number | string,
  unknown,
]
  ? B extends readonly [...infer BBatch extends Dims, unknown, infer N extends number | string]
    ? Broadcast<ABatch, BBatch> extends infer Batch extends Dims
      ? IsOpen<Batch> extends true
        ? Dims
        : [...Batch, M, N]
      : Dims
    : Dims
  : Dims;

/** `unknown` where the inner dimensions are equal, a sentence where they differ. */
export type MatmulFits<A extends Dims, B extends Dims> = A extends readonly [
  ...Dims,
  infer K extends number | string,
]
  ? B extends readonly [...Dims, infer L extends number | string, number | string]
    ? [BroadcastDim<K, L>] extends [never]
      ? ShapeMismatch<`inner dimensions differ: [${Text<A>}] @ [${Text<B>}]`>
      : unknown
    : unknown
  : unknown;

/** Without the first dimension: one step of a sequence. */
export type StepOf<S extends Dims> =
  IsOpen<S> extends true ? Dims : S extends readonly [unknown, ...infer Rest extends Dims] ? Rest : Dims;

/** A step's dimensions stacked over time. */
export type StackedDims<S extends Dims> = IsOpen<S> extends true ? Dims : [number, ...S];
