/**
 * Computes V-trace's targets twice: as a traced program in the worker, and by hand in plain TypeScript.
 *
 *     npx tsx examples/vtrace-by-hand.ts
 *
 * vs, traced   1.4890 1.0989 0.7000
 * vs, by hand  1.4890 1.0989 0.7000
 */
import { hostTensor, openSession, tensorSpec, toTypedArray, trace, vtrace, type HostTensor } from 'srwm';

const T = 3;
const row = tensorSpec([T, 1]);
const inputs = { logRhos: row, discounts: row, rewards: row, values: row, bootstrapValue: tensorSpec([1]) };
const graph = trace('vtrace', inputs, (given) => ({
  ...vtrace(given, { clipRhoThreshold: 1, clipPgRhoThreshold: 1, lambda: 1 }),
}));

// The second step ends an episode: nothing flows back across it.
const logRhos = [0.2, -0.4, 0.1];
const discounts = [0.9, 0, 0.9];
const rewards = [0.5, 1, 0.25];
const values = [0.8, 1.3, 0.4];
const bootstrapValue = 0.5;

/** vs_t = V_t + delta_t + discount_t c_t (vs_{t+1} - V_{t+1}), from the last step to the first. */
function byHand(): number[] {
  const vs: number[] = [];
  let excess = 0;
  for (let t = T - 1; t >= 0; t--) {
    const rho = Math.min(1, Math.exp(logRhos[t]!));
    const next = t === T - 1 ? bootstrapValue : values[t + 1]!;
    excess = rho * (rewards[t]! + discounts[t]! * next - values[t]!) + discounts[t]! * rho * excess;
    vs.unshift(values[t]! + excess);
  }
  return vs;
}

const column = (numbers: readonly number[]): HostTensor =>
  hostTensor('float32', Float32Array.from(numbers), [T, 1]);
await using session = await openSession({ device: 'cpu', threads: 1 });
const { vs } = await session.compute(graph, {
  logRhos: column(logRhos),
  discounts: column(discounts),
  rewards: column(rewards),
  values: column(values),
  bootstrapValue: hostTensor('float32', Float32Array.of(bootstrapValue), [1]),
});
const traced = [...(toTypedArray(vs) as Float32Array)];
const format = (numbers: readonly number[]): string => numbers.map((number) => number.toFixed(4)).join(' ');
console.log(`vs, traced   ${format(traced)}`);
console.log(`vs, by hand  ${format(byHand())}`);
if (traced.some((value, t) => Math.abs(value - byHand()[t]!) > 1e-5)) throw new Error('the two must agree');
