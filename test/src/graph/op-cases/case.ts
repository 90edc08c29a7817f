/** One operation with its inputs and what it must give. */
import type { HostTensor } from '../../../../bridge/client/index.ts';
import type { Tensor } from '../../../../src/graph/index.ts';
import { tensor } from '../../../support/session.ts';

export type Given = HostTensor | bigint;

export interface Case {
  readonly given: readonly Given[];
  readonly program: (...x: Tensor[]) => Tensor | readonly Tensor[];
  /** Elements of the first result, where the test says them. */
  readonly gives?: readonly number[];
}

export const x = tensor([1, -2, 3, 4, 0, -6], [2, 3]);
export const row = tensor([2, 1, -1], [3]);
export const image = tensor(
  [...Array(16).keys()].map((i) => i - 8),
  [1, 1, 4, 4],
);
const truths = tensor([1, 0, 1], [3], 'bool');
const others = tensor([1, 1, 0], [3], 'bool');

/** Of x [2, 3]. */
export const one = (program: (x: Tensor) => Tensor | readonly Tensor[], gives?: readonly number[]): Case => ({
  given: [x],
  program: (...inputs) => program(inputs[0] as Tensor),
  ...(gives === undefined ? {} : { gives }),
});
/** Of x [2, 3] and a row [3]. */
export const two = (program: (a: Tensor, b: Tensor) => Tensor, gives?: readonly number[]): Case => ({
  given: [x, row],
  program: (...inputs) => program(inputs[0] as Tensor, inputs[1] as Tensor),
  ...(gives === undefined ? {} : { gives }),
});
export const logic = (program: (a: Tensor, b: Tensor) => Tensor, gives: readonly number[]): Case => ({
  ...two(program, gives),
  given: [truths, others],
});
export const positive = (program: (x: Tensor) => Tensor, gives?: readonly number[]): Case =>
  one((given) => program(given.abs().add(1)), gives);
export const drawn = (program: (key: Tensor) => Tensor): Case => ({
  given: [12345678901234567890n],
  program: (key) => program(key),
});
export const list = (
  program: (...x: Tensor[]) => Tensor | readonly Tensor[],
  given: readonly Given[],
  gives: readonly number[],
): Case => ({ given, program, gives });
/** Of the numbers themselves, in one dimension. */
export const of = (
  values: readonly number[],
  program: (x: Tensor) => Tensor | readonly Tensor[],
  gives: readonly number[],
): Case => list(program, [tensor(values)], gives);
/** Of whole numbers, int64. */
export const whole = (
  values: readonly number[],
  program: (x: Tensor) => Tensor | readonly Tensor[],
  gives: readonly number[],
): Case => list(program, [tensor(values, [values.length], 'int64')], gives);
