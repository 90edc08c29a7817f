/**
 * Prints the graph that a TypeScript function becomes, and the error that a wrong shape gives. Needs no worker.
 *
 *     npx tsx examples/trace-a-function.ts
 *
 * graph attention
 *   input query: float32[2, 5, 8]
 *   ...
 */
import { GraphError, matmul, scan, softmax, tensorSpec, trace, transpose, zeros } from 'srwm';

const sequence = tensorSpec([2, 5, 8]);

const attention = trace(
  'attention',
  { query: sequence, key: sequence, value: sequence },
  ({ query, key, value }) => {
    const scores = matmul(query, transpose(key, -1, -2)).mul(1 / Math.sqrt(8));
    return { y: softmax(scores, -1).matmul(value) };
  },
);
console.log(attention.text());

const runningSum = trace('running_sum', { xs: tensorSpec([5, 3]) }, ({ xs }) => {
  const { carry, ys } = scan({ carry: { total: zeros([3]) }, xs: { x: xs } }, ({ carry: before, x }) => {
    const total = before.total.add(x.x);
    return { carry: { total }, y: { total } };
  });
  return { totals: ys.total, last: carry.total };
});
console.log(runningSum.text());
console.log(`hash ${runningSum.hash}`);

try {
  // @ts-expect-error: the type checker sees it too, and says "inner dimensions differ: [4, 8] @ [7, 2]".
  trace('wrong', { a: tensorSpec([4, 8]), b: tensorSpec([7, 2]) }, ({ a, b }) => ({ y: a.matmul(b) }));
} catch (error) {
  if (!(error instanceof GraphError)) throw error;
  console.log(`${error.code} ${error.message}`);
}
