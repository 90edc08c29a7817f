/** `python/call`: what a call into a colleague's Python costs over pythonia itself. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { closePython, python } from '../../src/python/index.ts';
import type { Bench } from '../bench.ts';
import { OneCore } from '../one-core.ts';
import { comparisonRow, type Row } from '../row.ts';
import { compare, median, takePairs, type Pair } from '../statistics.ts';

const WARM_UP = 2;
const CALLS = 500;
const PAYLOAD = 'x'.repeat(64);

/**
 * 64 bytes of text there and back, awaited, through the façade and through pythonia, in one and the same interpreter; all
 * of it on one core.
 */
export async function pythonCallRow(bench: Bench): Promise<Row> {
  const { core, pairs } = await onOneCore(bench);
  const { median: ratio, interval, ours, rival } = compare(await callPairs(bench));
  return comparisonRow(
    {
      name: 'python/call',
      unit: 'us',
      better: 'lower',
      goal: 1.5,
      detail: {
        what: "64 bytes of text to a Python function and back, awaited: through python(...) with its checks, deadline and turn, against pythonia's own proxy in its fast mode, same interpreter; both sides on one core",
        calls_a_pair: CALLS,
        core,
        on_any_core: { ratio, interval, ours, rival },
      },
    },
    pairs,
  );
}

async function onOneCore(bench: Bench) {
  await using core = await OneCore.hold(bench);
  return { core: core.index, pairs: await callPairs(bench) };
}

async function callPairs(bench: Bench): Promise<Pair[]> {
  const file = path.join(bench.programs, 'rivals', 'python_call.py');
  const facade = await python<{ echo(text: string): string }>(file);
  // As pythonia's own timer does, which the façade takes away so that scripts end by themselves.
  const awake = setInterval(() => undefined, 1_000);
  try {
    const raw = await rawProxy(file);
    const sides = { ours: () => facade.echo(PAYLOAD), rival: () => raw.echo(PAYLOAD) };
    const take = async (oursFirst: boolean): Promise<Pair> => {
      const pair = { ours: 0, rival: 0 };
      for (const side of oursFirst ? (['ours', 'rival'] as const) : (['rival', 'ours'] as const)) {
        pair[side] = await medianOf(CALLS, sides[side]);
      }
      return pair;
    };
    await takePairs(WARM_UP, take);
    return await takePairs(Math.max(bench.pairs, 15), take);
  } finally {
    clearInterval(awake);
    await closePython();
  }
}

interface Raw {
  echo(text: string): Promise<string>;
}

/** The same file through pythonia alone: it has one interpreter a process, which the façade has started. */
async function rawProxy(file: string): Promise<Raw> {
  const pythonia = createRequire(import.meta.url)('pythonia') as {
    python: ((file: string) => Promise<Raw>) & { setFastMode(value: boolean): void };
  };
  // Spares the repr() of every object that is returned; text is none, so that it only helps fairness.
  pythonia.python.setFastMode(true);
  return await pythonia.python(file);
}

async function medianOf(count: number, call: () => Promise<string>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const started = performance.now();
    const answer = await call();
    times.push((performance.now() - started) * 1000);
    if (answer !== PAYLOAD) throw new Error('internal: the payload came back changed');
  }
  return median(times);
}
