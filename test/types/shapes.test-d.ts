/** What the type checker knows of shapes. Compiled by `npm run check` (tsc); nothing here runs. */
import { dim, matmul, relu, scan, tensorSpec, trace, zeros, type Dims, type Tensor } from 'srwm';
import { expectType } from './expect-type.ts';

trace(
  'literal dimensions',
  { a: tensorSpec([4, 8]), b: tensorSpec([8, 2]), row: tensorSpec([8]), odd: tensorSpec([7, 2]) },
  ({ a, b, row, odd }) => {
    expectType<Tensor<[4, 8]>>()(a);
    expectType<Tensor<[4, 8]>>()(relu(a).mul(2).add(row));
    expectType<Tensor<[4, 2]>>()(a.matmul(b));
    expectType<Tensor<[4, 2]>>()(matmul(a, b));
    expectType<Tensor<[]>>()(a.sum());
    expectType<readonly [4, 8]>()(a.shape);
    // A tensor of known dimensions is a tensor.
    const any: Tensor = a;
    // What the checker cannot know fits everything, and is checked when it is traced.
    expectType<Tensor<Dims>>()(any.matmul(odd));
    expectType<Tensor>()(a.reshape([32]).add(row));
    // @ts-expect-error: 8 is not 7
    a.matmul(odd);
    // @ts-expect-error: 8 is not 7
    matmul(a, odd);
    // @ts-expect-error: [4, 8] and [7, 2] do not broadcast
    a.add(odd);
    // @ts-expect-error: no name of this kind
    a.ad(row);
    return { y: a.add(row) };
  },
);

const [batch, time] = [dim('B', 32), dim('T', 20)];
trace('named dimensions', { x: tensorSpec([batch, 64]), y: tensorSpec([time, 64]) }, ({ x, y }) => {
  expectType<Tensor<['B', 64]>>()(x);
  expectType<Tensor<['B', 64]>>()(x.mul(x));
  expectType<readonly [number, 64]>()(x.shape);
  // @ts-expect-error: 'B' is not 'T'
  x.add(y);
  return { x };
});

declare const size: number;
trace('unknown sizes', { x: tensorSpec([size, 8]) }, ({ x }) => {
  expectType<Tensor<[number, 8]>>()(x);
  return { y: x.add(zeros([3])) };
});

trace('a scan', { xs: tensorSpec([5, 3]) }, ({ xs }) => {
  const { ys } = scan({ carry: { total: zeros([3]) }, xs: { xs } }, ({ carry, x }) => {
    expectType<Tensor<[3]>>()(x.xs);
    const doubled = x.xs.mul(2);
    return { carry: { total: carry.total.add(x.xs) }, y: { doubled } };
  });
  expectType<Tensor<[number, 3]>>()(ys.doubled);
  // @ts-expect-error: the body yields no such name
  return { y: ys.tripled };
});

const graph = trace('names', { x: tensorSpec([2]) }, ({ x }) => ({ y: x }));
declare const types: NonNullable<(typeof graph)['~types']>;
expectType<Tensor<[2]>>()(types.outputs.y);
expectType<{ y: Tensor<[2]> }>()(types.outputs);
