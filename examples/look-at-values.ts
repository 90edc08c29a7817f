/**
 * Looks at values while a traced function runs: prints them, and finds where an infinity began.
 *
 *     npx tsx examples/look-at-values.ts
 *
 * debug "scan-me" float32 [4] at examples/look-at-values.ts:24:11
 *   min 1  max 8  mean 3.75  std 2.68095  not finite 0 %
 *   values 8, 4, 2, 1
 * NUMERICS_ASSERTION: graph "halve": "inverse" must be finite, got 1 of 4 elements of float32 [4] that are not, ...
 */
import { debug, fromArray, openSession, scan, SrwmError, tensorSpec, trace } from 'srwm';

await using session = await openSession({ device: 'cpu', threads: 1 });

// In a scan a probe sees all steps at once.
const halve = trace('halve', { start: tensorSpec([]), take: tensorSpec([4]) }, ({ start, take }) => {
  const { ys } = scan({ carry: { h: start }, xs: { take } }, ({ carry, x }) => {
    debug.print(carry.h, 'scan-me');
    const inverse = debug.assertFinite(x.take.div(carry.h), 'inverse');
    return { carry: { h: carry.h.mul(0.5) }, y: { inverse } };
  });
  return { y: ys.inverse };
});

const take = fromArray([1, 1, 1, 1]);
const { y } = await session.compute(halve, { start: fromArray([8], { shape: [] }), take });
console.log(y.toNumbers());
try {
  await session.compute(halve, { start: fromArray([0], { shape: [] }), take });
} catch (error) {
  if (!(error instanceof SrwmError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
