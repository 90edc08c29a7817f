/** Updates on some env columns of an unroll: the choice is an input of the graph, the data stays where it is. */
import { hostTensor, toTypedArray, type HostTensor } from '../../bridge/client/index.ts';
import { indexSelect, tensorSpec, type Tensor } from '../graph/index.ts';

/** The graph input that holds the chosen columns, or none when an update takes all of them. */
export function columnSpecs(numEnvs: number, batchSize: number) {
  return numEnvs === batchSize ? {} : { columns: tensorSpec([batchSize], 'int64') };
}

/** Where the columns of an input are: dimension 0 of core states, dimension 1 of everything else. */
export function columnDimension(name: string): 0 | 1 {
  return name.startsWith('state/') ? 0 : 1;
}

/** Picks the columns of every input. */
export function selectColumns(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const { columns, ...rest } = inputs;
  if (columns === undefined) return rest;
  return Object.fromEntries(
    Object.entries(rest).map(([name, tensor]) => [name, indexSelect(tensor, columnDimension(name), columns)]),
  );
}

export function columnTensor(columns: readonly number[]): HostTensor {
  return hostTensor('int64', BigInt64Array.from(columns, BigInt), [columns.length]);
}

/** Consecutive groups of `size`. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: items.length / size }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** The numbers of a tensor that the worker returned. */
export function numbersOf(tensor: HostTensor | undefined): readonly number[] {
  return tensor === undefined ? [] : Array.from(toTypedArray(tensor), Number);
}
