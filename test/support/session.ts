/** A real worker for tests, and the way from numbers to its tensors and back. */
import { hostTensor, toTypedArray, type HostTensor } from '../../bridge/client/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { Session } from '../../src/train/index.ts';
import { places } from '../src/runs/run-fixture.ts';

export { needsPython, places, python, root } from '../src/runs/run-fixture.ts';

/** A worker on one thread of the CPU. */
export function startSession(): Promise<Session> {
  return Session.start(places, { device: 'cpu', precision: 'float32', threads: 1 }, { logFile: null });
}

type Dtype = HostTensor['dtype'];

/** A tensor of any dtype that holds small numbers. */
export function tensor(
  values: readonly number[],
  shape: readonly number[] = [values.length],
  dtype: Dtype = 'float32',
): HostTensor {
  switch (dtype) {
    case 'int64':
      return hostTensor(dtype, BigInt64Array.from(values, BigInt), shape);
    case 'float32':
      return hostTensor(dtype, Float32Array.from(values), shape);
    case 'float64':
      return hostTensor(dtype, Float64Array.from(values), shape);
    case 'int32':
      return hostTensor(dtype, Int32Array.from(values), shape);
    case 'uint8':
    case 'bool':
      return hostTensor(dtype, Uint8Array.from(values), shape);
    case 'float16':
    case 'bfloat16':
      return hostTensor(
        dtype,
        Uint16Array.from(values, (value) => halfBits(value, dtype)),
        shape,
      );
  }
}

/** The bits of a small number: bfloat16 is the upper half of float32, float16 is rebuilt from its exponent. */
function halfBits(value: number, dtype: 'float16' | 'bfloat16'): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] as number;
  if (dtype === 'bfloat16') return bits >>> 16;
  if (value === 0) return 0;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  return ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}

/** The elements as plain numbers. */
export function numbers(host: HostTensor | undefined): number[] {
  if (host === undefined) throw new Error('the graph has no such output');
  return Array.from(toTypedArray(host as HostTensor & { readonly dtype: 'float32' }), Number);
}

/** Runs a graph and returns every output as plain numbers. */
export async function computeNumbers(
  session: Session,
  graph: Graph,
  inputs: Readonly<Record<string, HostTensor | bigint>>,
): Promise<Readonly<Record<string, number[]>>> {
  const results = await session.compute(graph, inputs);
  return Object.fromEntries(Object.entries(results).map(([name, host]) => [name, numbers(host)]));
}

/** The largest difference between two lists of equal length. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new Error(`lengths differ: ${a.length} and ${b.length}`);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}
