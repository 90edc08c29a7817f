/** What the probes of a graph saw: scalar outputs, read back as sentences about tensors. */
import type { Dtype } from '../../bridge/protocol/graph-spec.ts';
import { outputName } from './debug.ts';
import type { Graph } from './graph.ts';
import { formatShape, sizeOf } from './shape.ts';

/** Statistics of one tensor of one run of a graph; of the finite elements, and null where there are none. */
export interface Observation {
  /** `print` by `debug.print`, `watch` by `debug.watch`. */
  readonly kind: 'print' | 'watch';
  readonly name: string;
  /** `file:line:column` of the call. */
  readonly line: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Divided by the number of elements. */
  readonly std: number | null;
  /** Share of elements that are NaN or infinite. */
  readonly nonfinite: number;
  /** The first elements in C order; only of `debug.print`. */
  readonly first?: readonly number[];
}

/** An assertion that did not hold. */
export interface FailedAssertion {
  readonly name: string;
  readonly line: string;
  /** `3 of 12 elements of float32 [3, 4] ..., the first at [0, 2]`. */
  readonly what: string;
}

/** The outputs without those of probes. */
export function withoutProbes(
  values: Readonly<Record<string, number>>,
  { probes }: Graph,
): Readonly<Record<string, number>> {
  if (probes.length === 0) return values;
  const names = new Set(
    probes.flatMap((probe) => probe.statistics.map((statistic) => outputName(probe, statistic))),
  );
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.has(name)));
}

/** What was seen, in the order of the program; `update` picks those whose turn it is. */
export function observationsOf(
  { probes }: Graph,
  values: Readonly<Record<string, number>>,
  update: number | null,
): Observation[] {
  return probes.flatMap((probe): Observation[] => {
    const { kind, name, line, shape, dtype, every } = probe;
    if (kind === 'finite' || (update !== null && update % every !== 0)) return [];
    const value = (statistic: string): number => values[outputName(probe, statistic)] ?? NaN;
    const [count, size] = [value('count'), sizeOf(shape)];
    const ofFinite = (statistic: string): number | null => (count === 0 ? null : value(statistic));
    const shown = probe.statistics.filter((statistic) => statistic.startsWith('value'));
    return [
      {
        kind,
        name,
        line,
        shape,
        dtype,
        min: ofFinite('min'),
        max: ofFinite('max'),
        mean: ofFinite('mean'),
        std: ofFinite('std'),
        nonfinite: (size - count) / size,
        ...(shown.length > 0 && { first: shown.map(value) }),
      },
    ];
  });
}

/** The first assertion of the program that does not hold, or null. */
export function failedAssertion(
  { probes }: Graph,
  values: Readonly<Record<string, number>>,
): FailedAssertion | null {
  for (const probe of probes) {
    if (probe.kind !== 'finite') continue;
    const { name, line, shape, dtype, isStacked } = probe;
    const size = sizeOf(shape);
    const wrong = size - (values[outputName(probe, 'count')] ?? size);
    if (wrong === 0) continue;
    const place = placeOf(values[outputName(probe, 'first')] ?? 0, shape);
    const step = isStacked ? ` (step ${place[0]} of the scan)` : '';
    const where = shape.length === 0 ? '' : `, the first at ${formatShape(place)}${step}`;
    return {
      name,
      line,
      what: `${wrong} of ${size} elements of ${dtype} ${formatShape(shape)} that are not${where}`,
    };
  }
  return null;
}

/** Indices of an element by its number in C order. */
function placeOf(number: number, shape: readonly number[]): number[] {
  let rest = number;
  return shape
    .map((size) => size)
    .reverse()
    .map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .reverse();
}
