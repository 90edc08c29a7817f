/** An observation for people. */
import type { Observation } from './observation.ts';
import { formatShape, sizeOf } from './shape.ts';

/** Two or three lines; `when` is for example `update 40`. */
export function formatObservation(observation: Observation, when: string | null = null): string {
  const { name, line, shape, dtype, min, max, mean, std, nonfinite, first } = observation;
  const more = sizeOf(shape) > (first?.length ?? 0) ? ', ...' : '';
  return [
    `debug "${name}" ${dtype} ${formatShape(shape)} at ${line}${when === null ? '' : `, ${when}`}`,
    `  min ${short(min)}  max ${short(max)}  mean ${short(mean)}  std ${short(std)}  not finite ${percent(nonfinite)}`,
    ...(first === undefined ? [] : [`  values ${first.map(short).join(', ')}${more}`]),
  ].join('\n');
}

function short(value: number | null): string {
  if (value === null) return '-';
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}

/** Never "0 %" where there is one. */
function percent(share: number): string {
  if (share === 0) return '0 %';
  return share < 0.001 ? '< 0.1 %' : `${Number((100 * share).toFixed(1))} %`;
}
