/** Random choices from one seed: shapes, dtypes, dimensions; now and then a wrong one, for rules must refuse too. */
import type { Dtype } from '../../../../src/graph/index.ts';

/** An input of one operation. `fill` says which numbers a real run puts in. */
export interface Wanted {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly fill?: 'index' | 'spd' | 'sorted' | 'unit';
  /** Indices are below it. */
  readonly limit?: number;
}

export const FLOATS = ['float64', 'float32', 'float16', 'bfloat16'] as const satisfies readonly Dtype[];
export const WHOLE = ['int64', 'int32', 'uint8'] as const satisfies readonly Dtype[];
export const NUMBERS = [...FLOATS, ...WHOLE] as const;
export const ALL = [...NUMBERS, 'bool'] as const;

export class Draw {
  #state: number;
  /** How often a choice is made without care, 0 to 1. */
  readonly #careless: number;

  constructor(seed: number, careless: number) {
    this.#state = seed >>> 0;
    this.#careless = careless;
  }

  /** In [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  careless(): boolean {
    return this.chance(this.#careless);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)] as T;
  }

  size(): number {
    return this.careless() && this.chance(0.3) ? 0 : this.pick([1, 2, 3, 5]);
  }

  shape(least: number, most: number): number[] {
    const low = this.careless() ? Math.max(0, least - 1) : least;
    return Array.from({ length: this.int(low, most) }, () => this.size());
  }

  dtype(list: readonly Dtype[]): Dtype {
    return this.careless() ? this.pick(ALL) : this.pick(list);
  }

  dim(rank: number): number {
    return this.careless()
      ? this.int(-rank - 1, rank)
      : rank === 0
        ? this.int(-1, 0)
        : this.int(-rank, rank - 1);
  }

  /** A list of different dimensions, perhaps none. */
  dims(rank: number): number[] {
    const chosen = Array.from({ length: rank }, (_, dim) => dim).filter(() => this.chance(0.5));
    const list = chosen.map((dim) => (this.chance(0.5) ? dim - rank : dim));
    return this.careless() ? [...list, this.dim(rank)] : list;
  }

  /** A shape that broadcasts with `shape`, unless careless. */
  partner(shape: readonly number[]): number[] {
    const own = shape.slice(this.chance(0.3) ? this.int(0, shape.length) : 0);
    const made = own.map((size) => (this.chance(0.25) ? 1 : size));
    return this.careless() ? this.changed(made) : made;
  }

  /** One size changed, or the shape itself. */
  changed(shape: readonly number[]): number[] {
    const at = this.int(0, Math.max(0, shape.length - 1));
    return shape.map((size, dim) => (dim === at ? this.size() : size));
  }

  /** As `shape`, unless careless. */
  same(shape: readonly number[]): number[] {
    return this.careless() ? this.changed(shape) : [...shape];
  }

  any(list: readonly Dtype[] = ALL, least: number = 0, most: number = 4): Wanted {
    return { shape: this.shape(least, most), dtype: this.dtype(list) };
  }

  index(shape: readonly number[], limit: number): Wanted {
    return {
      shape: this.same(shape),
      dtype: this.careless() ? this.pick(ALL) : 'int64',
      fill: 'index',
      limit,
    };
  }

  number(): number {
    return this.pick([2, -1, 0.5, 3, 1]);
  }
}
