/** Constants and random numbers, and the operations that only this project has. */
import type { Dtype } from '../../../bridge/protocol/graph-spec.ts';
import { isFloating } from '../dtype.ts';
import { argumentFault, dtypeFault, shapeFault } from '../errors.ts';
import { formatShape, requireRank, requireSizes, sizeOf } from '../shape.ts';
import { call, define, inputAt, requireDtype, requireFloating, stateDtype } from './definition.ts';

export type FullAttributes = Readonly<{ shape: number[]; value: number | boolean; dtype: string }>;
export type RandomAttributes = Readonly<{ shape: number[]; dtype: string }>;
export type SrwmAttributes = Readonly<{ input_softmax: boolean; bptt: string }>;

const random = (name: string) =>
  define<RandomAttributes>({
    shape: (_, { shape }) => (requireSizes('shape', shape), [[...shape]]),
    dtype: (inputs, { dtype }) => (requireDtype('key', inputAt(inputs, 0), 'key'), [dtype as Dtype]),
    print: call(name),
  });

/** More numbers than this belong into an input: a graph is text that is hashed and sent whole. */
const LARGEST_CONSTANT = 4096;

function requireNoKey(dtype: string): void {
  if (dtype === 'key') dtypeFault('a random key is no number; make it an input');
}

function requireRange(dtype: string): void {
  requireNoKey(dtype);
  if (dtype === 'bool') dtypeFault('a range of bool is not defined');
}

export const sourceOps = {
  'aten.full.default': define<FullAttributes>({
    shape: (_, { shape }) => (requireSizes('shape', shape), [[...shape]]),
    dtype: (_, { dtype }) => (requireNoKey(dtype), [dtype as Dtype]),
    print: call('full'),
  }),
  /** `start` and `step` are absent where they are 0 and 1. */
  'aten.arange.default': define<Readonly<{ end: number; dtype: string; start?: number; step?: number }>>({
    shape: (_, { end, start, step }) => {
      if (start === undefined && step === undefined) return (requireSizes('end', [end]), [[end]]);
      const [from, by] = [start ?? 0, step ?? 1];
      if (!Number.isFinite(from) || !Number.isFinite(end) || by === 0 || (end - from) / by < 0) {
        argumentFault(`step ${by} must lead from ${from} to ${end}`);
      }
      return [[Math.ceil((end - from) / by)]];
    },
    dtype: (_, { dtype }) => (requireRange(dtype), [dtype as Dtype]),
    print: call('arange'),
  }),
  'aten.linspace.default': define<Readonly<{ start: number; end: number; steps: number; dtype: string }>>({
    shape: (_, { steps }) => (requireSizes('steps', [steps]), [[steps]]),
    dtype: (_, { dtype }) => {
      if (!isFloating(dtype as Dtype)) dtypeFault(`dtype must be floating, got ${dtype}`);
      return [dtype as Dtype];
    },
    print: call('linspace'),
  }),
  'aten.eye.m': define<Readonly<{ n: number; m: number; dtype: string }>>({
    shape: (_, { n, m }) => (requireSizes('n and m', [n, m]), [[n, m]]),
    dtype: (_, { dtype }) => (requireNoKey(dtype), [dtype as Dtype]),
    print: call('eye'),
  }),
  /** Numbers written in TypeScript. */
  'srwm.constant': define<Readonly<{ values: number[]; shape: number[]; dtype: string }>>({
    shape: (_, { values, shape }) => {
      requireSizes('shape', shape);
      if (sizeOf(shape) !== values.length) {
        shapeFault(`${values.length} values do not fill ${formatShape(shape)} (${sizeOf(shape)} elements)`);
      }
      if (values.length > LARGEST_CONSTANT) {
        argumentFault(
          `at most ${LARGEST_CONSTANT} values may be written into a graph, got ${values.length}; make it an input`,
        );
      }
      return [[...shape]];
    },
    dtype: (_, { dtype, values }) => {
      requireNoKey(dtype);
      const wrong = isFloating(dtype as Dtype) ? undefined : values.find((value) => !Number.isInteger(value));
      if (wrong !== undefined) dtypeFault(`values of ${dtype} must be whole numbers, got ${wrong}`);
      return [dtype as Dtype];
    },
    print: call('constant'),
  }),
  /** Uniform in [0, 1), from the key alone. */
  'srwm.random_uniform': random('random_uniform'),
  /** Standard normal, from the key alone. */
  'srwm.random_normal': random('random_normal'),
  /**
   * inputs: x [T, B, H, D], w [H, D, D_y + 2 D + 4], fast_weight_delta [B, H, D, D_y + 2 D + 4], is_first [T, B] bool.
   * results: y [T, B, H, D_y], fast_weight_delta. w and fast_weight_delta are float32 beside float16 and bfloat16.
   */
  'srwm.srwm': define<SrwmAttributes>({
    shape: (inputs, { bptt }) => {
      const [x, w, delta, isFirst] = [0, 1, 2, 3].map((i) => inputAt(inputs, i).shape) as [
        number[],
        number[],
        number[],
        number[],
      ];
      if (bptt !== 'unroll' && bptt !== 'step')
        argumentFault(`bptt must be "unroll" or "step", got "${bptt}"`);
      requireRank('x', x, 4);
      requireRank('w', w, 3);
      const [time = 0, batch = 0, heads = 0, headDim = 0] = x;
      const columns = w[2] ?? 0;
      const outputDim = columns - 2 * headDim - 4;
      if (w[0] !== heads || w[1] !== headDim || outputDim < 1) {
        shapeFault(
          `w must be [${heads}, ${headDim}, D_y + ${2 * headDim + 4}] for x ${formatShape(x)}, got ${formatShape(w)}`,
        );
      }
      const state = [batch, heads, headDim, columns];
      if (formatShape(delta) !== formatShape(state)) {
        shapeFault(`fast_weight_delta must be ${formatShape(state)}, got ${formatShape(delta)}`);
      }
      if (formatShape(isFirst) !== formatShape([time, batch])) {
        shapeFault(`is_first must be [${time}, ${batch}], got ${formatShape(isFirst)}`);
      }
      return [[time, batch, heads, outputDim], state];
    },
    dtype: (inputs) => {
      requireDtype('is_first', inputAt(inputs, 3), 'bool');
      requireFloating('x', inputAt(inputs, 0));
      const { dtype } = inputAt(inputs, 0);
      const kept = stateDtype(dtype);
      requireDtype(`w beside ${dtype} x`, inputAt(inputs, 1), kept);
      requireDtype(`fast_weight_delta beside ${dtype} x`, inputAt(inputs, 2), kept);
      return [dtype, kept];
    },
    print: call('srwm'),
  }),
};
