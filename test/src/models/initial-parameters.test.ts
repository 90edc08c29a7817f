/** How the paper's networks start: every parameter of every core is drawn from the distribution that is meant. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAssignment, presets, resolveConfig } from '../../../src/config/index.ts';
import { CORE_KINDS } from '../../../src/models/index.ts';
import { actGraph, agentOf, type Session } from '../../../src/train/index.ts';
import { needsPython, numbers, python, startSession } from '../../support/session.ts';
import { makeSet } from './sets.ts';

const SPACES = { observationShape: [64, 64, 3], observationDtype: 'uint8' as const, numActions: 15 };
const HEAD_DIM = 16;
const LSTM_SIZE = 256;

/** Uniform within a bound, normal with a deviation, or one value. */
type Start = { readonly bound: number } | { readonly deviation: number } | { readonly value: number };

/** What the released code draws a parameter from; PyTorch's defaults where it says nothing. */
function startOf(name: string, kind: string, shapes: ReadonlyMap<string, readonly number[]>): Start {
  if (/norm\/weight$/.test(name)) return { value: 1 };
  if (/norm\/bias$/.test(name)) return { value: 0 };
  if (/(srwm\/w|static\/w|delta\/recurrent)$/.test(name)) return { deviation: 1 / Math.sqrt(HEAD_DIM) };
  if (kind === 'lstm' && name.startsWith('core/')) return { bound: 1 / Math.sqrt(LSTM_SIZE) };
  const [, ...fanIn] = shapes.get(name.replace(/bias$/, 'weight')) as readonly number[];
  return { bound: 1 / Math.sqrt(fanIn.reduce((size, dim) => size * dim, 1)) };
}

/** Moments and extremes that a sample of that size must show; six standard errors wide. */
function expectFrom(start: Start, values: readonly number[], name: string): void {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const square = values.reduce((sum, value) => sum + value ** 2, 0) / n;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if ('value' in start) {
    expect([name, new Set(values)]).toEqual([name, new Set([start.value])]);
    return;
  }
  const uniform = 'bound' in start;
  const variance = uniform ? start.bound ** 2 / 3 : start.deviation ** 2;
  // The fourth moment over the second squared: 9/5 of a uniform distribution, 3 of a normal one.
  const spread = Math.sqrt(((uniform ? 1.8 : 3) - 1) / n);
  expect(Math.abs(mean), name).toBeLessThan(6 * Math.sqrt(variance / n));
  expect(Math.abs(square / variance - 1), name).toBeLessThan(6 * spread);
  if (uniform) {
    expect(largest, name).toBeLessThanOrEqual(start.bound * (1 + 1e-6));
    expect(largest, name).toBeGreaterThan(start.bound * (1 - 20 / n));
  } else {
    const fourth = values.reduce((sum, value) => sum + value ** 4, 0) / n;
    expect(Math.abs(fourth / variance ** 2 / 3 - 1), name).toBeLessThan(6 * Math.sqrt(96 / 9 / n));
  }
}

describe.skipIf(python === null)(`initial parameters of procgen-easy (${needsPython})`, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session.close());

  it.each(CORE_KINDS)('with core %s come from the released distributions', async (kind) => {
    const { config } = resolveConfig(presets.procgenEasy(), 'preset', [
      parseAssignment(`model.core.kind=${kind}`),
    ]);
    const graph = actGraph(agentOf(config.model, config.train, SPACES, false), 1, 'greedy');
    await makeSet(session, kind, graph);
    const shapes = new Map(graph.declarations.map(({ name, tensor }) => [name, tensor.shape]));
    const names = [...shapes.keys()].filter(
      (name) => kind === 'feed_forward' || !name.startsWith('encoder/'),
    );
    const { tensors } = await session.exchange('get', { handles: [], set: kind, parameters: names });
    names.forEach((name, i) => expectFrom(startOf(name, kind, shapes), numbers(tensors[i]), name));
  });
});
