/** Typed changes of a whole configuration: what a preset takes, and how they are applied. */
import type { Assignment } from './assignment.ts';
import type { Game } from './games.ts';
import { OPEN_SECTIONS } from './section.ts';
import type {
  AlgorithmConfig,
  Config,
  EnvironmentConfig,
  EvaluationConfig,
  ModelConfig,
  TrainConfig,
} from './schema.ts';

/** The kind of each section that has several. */
export interface Kinds {
  readonly algorithm: AlgorithmConfig['kind'];
  readonly environment: EnvironmentConfig['kind'];
  readonly encoder: ModelConfig['encoder']['kind'];
  readonly core: ModelConfig['core']['kind'];
  readonly optimizer: TrainConfig['optimizer']['kind'];
  readonly schedule: TrainConfig['schedule']['kind'];
}

/** A section inside a section: its kind, and any of the keys of that kind. */
type Nested<U extends { kind: string }> = U extends unknown
  ? Readonly<Pick<U, 'kind'>> & Readonly<Partial<Omit<U, 'kind'>>>
  : never;

/** Every key may be left out; lists may be readonly. */
export type Changes<T> = {
  readonly [K in keyof T]?: K extends 'games'
    ? readonly Game[]
    : T[K] extends (infer E)[]
      ? readonly E[]
      : T[K] extends { kind: string }
        ? Nested<T[K]>
        : T[K];
};

type OfKind<U extends { kind: string }, K extends U['kind']> = Extract<U, { kind: K }>;
type Keys<U extends { kind: string }, K extends U['kind']> = Changes<Omit<OfKind<U, K>, 'kind'>>;

/**
 * Changes of a section that has kinds. Without `kind`, keys of the usual kind; with `kind`, that kind's defaults and
 * any of its keys.
 */
export type SectionChanges<U extends { kind: string }, Usual extends U['kind']> =
  | { [K in Usual]: { readonly kind?: K } & Keys<U, K> }[Usual]
  | { [K in Exclude<U['kind'], Usual>]: { readonly kind: K } & Keys<U, K> }[Exclude<U['kind'], Usual>];

/** The environment of a kind, without the kind. */
export type EnvironmentOptions<K extends EnvironmentConfig['kind']> = Keys<EnvironmentConfig, K>;

export type TrainChanges<K extends Kinds> = Changes<Omit<TrainConfig, 'schedule' | 'optimizer'>> & {
  readonly schedule?: SectionChanges<TrainConfig['schedule'], K['schedule']>;
  readonly optimizer?: SectionChanges<TrainConfig['optimizer'], K['optimizer']>;
};

export type ModelChanges<K extends Kinds> = Changes<Omit<ModelConfig, 'encoder' | 'core'>> & {
  readonly encoder?: SectionChanges<ModelConfig['encoder'], K['encoder']>;
  readonly core?: SectionChanges<ModelConfig['core'], K['core']>;
};

/** Keys of the environment at the top, `seed`, `totalEnvSteps`, and any part of any section. */
export type Overrides<K extends Kinds> = EnvironmentOptions<K['environment']> & {
  readonly seed?: number;
  readonly totalEnvSteps?: number;
  readonly algorithm?: SectionChanges<AlgorithmConfig, K['algorithm']>;
  readonly train?: TrainChanges<K>;
  readonly environment?: SectionChanges<EnvironmentConfig, K['environment']>;
  readonly model?: ModelChanges<K>;
  readonly checkpoint?: Changes<Config['checkpoint']>;
  readonly evaluation?: Changes<Omit<EvaluationConfig, 'blindSearch'>> & {
    readonly blindSearch?: Changes<EvaluationConfig['blindSearch']>;
  };
  readonly hardware?: Changes<Config['hardware']>;
};

const SECTIONS: readonly string[] = [
  'algorithm',
  'train',
  'environment',
  'model',
  'checkpoint',
  'evaluation',
  'hardware',
];

/** Overrides as assignments of dotted keys, each set by `source`. */
export function assignmentsOf(overrides: object, source: string): Assignment[] {
  return Object.entries(overrides).flatMap(([name, value]) => {
    if (SECTIONS.includes(name)) return leavesOf(name, value, source);
    if (name === 'seed') return leavesOf('seed', value, source);
    return leavesOf(name === 'totalEnvSteps' ? 'train.totalEnvSteps' : `environment.${name}`, value, source);
  });
}

/** One assignment for each value below `key`; what is undefined changes nothing. */
export function leavesOf(key: string, value: unknown, source: string): Assignment[] {
  if (value === undefined) return [];
  const isWhole = typeof value !== 'object' || value === null || Array.isArray(value);
  if (isWhole || OPEN_SECTIONS.includes(key)) return [{ key, value, source }];
  return Object.entries(value).flatMap(([name, inner]) => leavesOf(`${key}.${name}`, inner, source));
}
