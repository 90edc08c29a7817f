/** Probes with a worker: what they say, when they speak, and how an assertion ends a run. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SrwmError } from '../../../bridge/protocol/errors.ts';
import {
  debug,
  formatObservation,
  scan,
  tensorSpec,
  trace,
  zeros,
  type Observation,
  type Tensor,
} from '../../../src/graph/index.ts';
import { stepCore } from '../../../src/models/index.ts';
import { objective } from '../../../src/objectives/index.ts';
import { startRun } from '../../../src/runs/index.ts';
import { fromArray, type OwnParts, type RunEvent, type Session } from '../../../src/train/index.ts';
import { startSession } from '../../support/session.ts';
import {
  endOf,
  needsPython,
  newFolder,
  ofType,
  places,
  python,
  rejection,
  rows,
  SMALL,
  tiny,
} from '../runs/run-fixture.ts';

/** The line of this file that holds `text`. */
function lineWith(text: string): string {
  const lines = readFileSync(import.meta.filename, 'utf8').split('\n');
  return `test/src/train/debug.test.ts:${lines.findIndex((line) => line.includes(text)) + 1}:`;
}

async function gather(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe.skipIf(python === null)(`probes with a worker (${needsPython})`, { timeout: 120_000 }, () => {
  describe('in a graph that is run once', () => {
    let session: Session;
    beforeAll(async () => {
      session = await startSession();
    });
    afterAll(() => session.close());

    async function seen(values: number[], look: (x: Tensor) => void): Promise<Observation[]> {
      const graph = trace('once', { x: tensorSpec([2, 3]) }, ({ x }) => {
        look(x);
        return { y: x.mul(2) };
      });
      const observations: Observation[] = [];
      const onDebug = (one: Observation) => observations.push(one);
      const { y, ...rest } = await session.compute(
        graph,
        { x: fromArray(values, { shape: [2, 3] }) },
        { onDebug },
      );
      expect(y.toNumbers()).toEqual(values.map((value) => value * 2));
      expect(rest).toEqual({});
      return observations;
    }

    test('give statistics of the finite elements and the first values', async () => {
      const [print, watch] = await seen([1, 2, NaN, 4, Infinity, 5], (x) => {
        debug.print(x, 'x');
        debug.watch({ x });
      });
      const statistics = { min: 1, max: 5, mean: 3, std: Math.sqrt(2.5), nonfinite: 1 / 3 };
      expect(print).toMatchObject({
        kind: 'print',
        name: 'x',
        dtype: 'float32',
        shape: [2, 3],
        min: 1,
        max: 5,
        mean: 3,
      });
      expect(print?.std).toBeCloseTo(statistics.std, 6);
      expect(print?.nonfinite).toBeCloseTo(statistics.nonfinite, 9);
      expect(print?.first).toEqual([1, 2, NaN, 4, Infinity, 5]);
      expect(watch).toMatchObject({ kind: 'watch', min: 1, max: 5 });
      expect(watch).not.toHaveProperty('first');
      expect(formatObservation(print as Observation, 'update 3')).toMatch(
        /^debug "x" float32 \[2, 3\] at test\/src\/train\/debug\.test\.ts:\d+:\d+, update 3\n {2}min 1 {2}max 5 {2}mean 3 {2}std 1\.58114 {2}not finite 33\.3 %\n {2}values 1, 2, NaN, 4, Infinity, 5$/,
      );
    });

    test('have none where nothing is finite, and take integers and booleans', async () => {
      const [nothing] = await seen(Array<number>(6).fill(NaN), (x) => debug.watch({ nothing: x }));
      expect(nothing).toMatchObject({ min: null, max: null, mean: null, std: null, nonfinite: 1 });
      const [whole, truth] = await seen([1, 2, 3, 4, 5, 6], (x) =>
        debug.watch({ whole: x.to('int64'), truth: x.gt(2) }),
      );
      expect(whole).toMatchObject({ dtype: 'int64', min: 1, max: 6, mean: 3.5, nonfinite: 0 });
      expect(truth).toMatchObject({ dtype: 'bool', min: 0, max: 1 });
      expect(truth?.mean).toBeCloseTo(4 / 6, 6);
    });

    test('see every step of a scan', async () => {
      const [steps] = await seen([1, 2, 3, 4, 5, 6], (x) => {
        scan({ carry: { h: zeros([3]) }, xs: { x } }, ({ carry, x: now }) => {
          const h = debug.print(carry.h.add(now.x), 'h');
          return { carry: { h }, y: {} };
        });
      });
      expect(steps?.first).toEqual([1, 2, 3, 5, 7, 9]);
    });

    test('name the first element that an assertion does not hold for, and the step of a scan', async () => {
      const wrong = trace('wrong', { x: tensorSpec([2, 3]) }, ({ x }) => {
        const { ys } = scan({ carry: { h: zeros([3]) }, xs: { x } }, ({ carry, x: now }) => {
          const h = debug.assertFinite(carry.h.add(now.x).log(), 'log'); // asserted in a scan
          return { carry: { h: carry.h }, y: { h } };
        });
        return { y: ys.h };
      });
      const run = (values: number[]) => session.compute(wrong, { x: fromArray(values, { shape: [2, 3] }) });
      expect((await run([1, 1, 1, 1, 1, 1])).y.toNumbers()).toEqual([0, 0, 0, 0, 0, 0]);
      const error = (await rejection(run([1, 1, 1, 1, -1, 0]))) as SrwmError;
      expect(error).toMatchObject({ code: 'NUMERICS_ASSERTION' });
      expect(error.message).toContain(
        'graph "wrong": "log" must be finite, got 2 of 6 elements of float32 [2, 3] that are not, the first at [1, 1] (step 1 of the scan).',
      );
      expect(error.message).toContain(`at ${lineWith('// asserted in a scan')}`);
      // A handle is no way around it.
      const kept = session.keep(wrong, { x: fromArray([1, 1, 1, 1, -1, 0], { shape: [2, 3] }) });
      expect(await rejection(kept)).toMatchObject({ code: 'NUMERICS_ASSERTION' });
    });
  });

  describe('in a run', () => {
    const core = (look: (h: Tensor) => void) =>
      stepCore('leaky', { size: 16 }, (x, h) => {
        const next = h.mul(0.5).add(x.slice(-1, 0, 16));
        look(next);
        return [next, next];
      });
    const start = (folder: string, own: OwnParts, ...sets: string[]) =>
      gather(
        startRun(tiny(...SMALL, ...sets), 'tiny', {
          folder,
          places,
          stop: new AbortController().signal,
          own,
        }),
      );

    test('come as events at their turn, are kept in the metrics, and change no bit', async () => {
      const [plain, seen] = [newFolder(), newFolder()];
      const short = 'train.totalEnvSteps=256';
      const look = (h: Tensor) => {
        debug.watch({ hidden: h }, { every: 3 });
        debug.assertFinite(h, 'hidden');
      };
      const without = await start(plain, { core: core(() => undefined) }, short);
      const events = await start(seen, { core: core(look) }, short);
      expect(endOf(events).parameters_sha256).toBe(endOf(without).parameters_sha256);
      const told = ofType(events, 'debug');
      expect(told.map(({ update }) => update)).toEqual([0, 3, 6]);
      expect(told[0]).toMatchObject({
        kind: 'watch',
        name: expect.stringMatching(/hidden$/),
        shape: [8, 4, 16],
      });
      expect(told[0]?.max).toBeGreaterThan(told[0]?.mean ?? Infinity);
      for (const { losses } of ofType(events, 'update'))
        expect(Object.keys(losses).join()).not.toContain('debug');
      expect(ofType(rows(seen), 'debug')).toEqual(told);
      // The event of an update's probes comes before its own.
      const order = events
        .filter(({ type }) => type === 'debug' || type === 'update')
        .map(({ type }) => type);
      expect(order.slice(0, 2)).toEqual(['debug', 'update']);
    });

    test('end it where an assertion fails: update, name, lines, last good checkpoint', async () => {
      const folder = newFolder();
      // Learning moves the values towards 1, beyond what the logarithm bears; the loss itself stays finite.
      const loss = objective('breaks', ({ target }) => {
        const margin = target.values.mean().neg().add(0.5);
        const broken = margin.log(); // where it begins
        debug.print(margin, 'margin');
        debug.assertFinite(broken, 'broken'); // asserted here
        return { loss: target.values.sub(1).square().mean().add(broken.mul(0).nanToNum()) };
      });
      const sets = ['train.batchSize=8', 'train.learningRate=0.01', 'checkpoint.everyUpdates=1'];
      const events: RunEvent[] = [];
      const failing = async () => {
        const stop = new AbortController().signal;
        for await (const event of startRun(tiny(...SMALL, ...sets), 'tiny', {
          folder,
          places,
          stop,
          own: { loss },
        }))
          events.push(event);
      };
      const error = (await rejection(failing())) as SrwmError;
      expect(error).toMatchObject({ code: 'NUMERICS_ASSERTION' });
      const applied = ofType(events, 'update').length;
      expect(applied).toBeGreaterThan(0);
      expect(error.message).toContain(
        `update ${applied}: "broken" must be finite, got 1 of 1 elements of float32 []`,
      );
      expect(error.message).toContain(`It began with the result of log at ${lineWith('// where it begins')}`);
      expect(error.message).toContain(`at ${lineWith('// asserted here')}`);
      const checkpoints = ofType(events, 'checkpoint');
      const last = checkpoints.at(-1)?.path ?? '';
      expect(error.remedy).toContain(`Last good checkpoint: ${last}.`);
      expect(existsSync(path.join(last, 'manifest.json'))).toBe(true);
      // What was printed of the update that failed is there.
      const printed = ofType(events, 'debug').map(({ update, min }) => [update, (min ?? 0) > 0]);
      expect(printed.at(-1)).toEqual([applied, false]);
      expect(printed.slice(0, -1).every(([, isPositive]) => isPositive)).toBe(true);
      expect(ofType(rows(folder), 'debug')).toEqual(ofType(events, 'debug'));
    });
  });
});
