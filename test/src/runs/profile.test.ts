import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { profileOf } from '../../../src/runs/profile.ts';
import { measureUpdates, SET, Session, updateLoop, type Measurement } from '../../../src/train/index.ts';
import { needsPython, places, python, rejection, SMALL, SMALL_IMPALA, tiny } from './run-fixture.ts';

const startSession = () =>
  Session.start(places, { device: 'cpu', precision: 'float32', threads: 1 }, { logFile: null });

describe.skipIf(python === null)(`a profile with a worker (${needsPython})`, { timeout: 120_000 }, () => {
  // One unroll to warm up, one without the profiler, one to warm the profiler up, one that counts.
  const { config } = tiny(...SMALL, `train.totalEnvSteps=${4 * 64}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-profile-'));
  const trace = path.join(folder, 'trace.json');
  let session: Session;
  let measured: Measurement;
  beforeAll(async () => {
    session = await startSession();
    measured = await measureUpdates({ session, config, places, warmUp: 1, unrolls: 1, trace });
  });
  afterAll(async () => {
    await session.close();
    rmSync(folder, { recursive: true });
  });

  test('adds up to the wall time, line by line, each with its source text', () => {
    const { lines, other, seconds, updates } = profileOf(measured);
    expect(updates).toBe(2);
    const parts = [...lines, ...other];
    expect(parts.reduce((sum, one) => sum + one.seconds, 0)).toBeCloseTo(seconds, 9);
    expect(parts.reduce((sum, one) => sum + one.share, 0)).toBeCloseTo(1, 9);
    for (const part of parts) expect(part.seconds, JSON.stringify(part)).toBeGreaterThanOrEqual(0);
    for (const { file, line, text } of lines) {
      expect(text).not.toBe('');
      expect(readFileSync(file, 'utf8').split('\n')[line - 1]?.trim()).toBe(text);
    }
  });

  test('tells acting, forward and backward of a line apart, and counts its runs', () => {
    const { lines } = profileOf(measured);
    const memory = lines.find(({ ops }) => ops.includes('srwm'));
    expect(memory?.file).toBe('src/models/cores/srwm.ts');
    for (const key of ['act_seconds', 'forward_seconds', 'backward_seconds'] as const)
      expect(memory?.[key], key).toBeGreaterThan(0);
    // 8 steps of acting and one pass of the targets for two updates, and one learning pass each.
    expect(memory?.calls).toBe(8 / 2 + 1 / 2 + 1);
    // Actions are sampled where nobody learns.
    const noise = lines.find(({ text }) => text.includes('cdf.le(noise'));
    expect(noise).toMatchObject({ forward_seconds: 0, backward_seconds: 0 });
    expect(noise?.act_seconds).toBeGreaterThan(0);
  });

  test('writes a Chrome trace whose ranges are named by line', () => {
    type Event = { readonly name: string; readonly ph: string };
    const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as { traceEvents: Event[] };
    const ranges = traceEvents.filter(
      ({ ph, name }) => ph === 'X' && /^src\/models\/cores\/srwm\.ts:\d+:\d+ /.test(name),
    );
    expect(ranges.length).toBeGreaterThan(8);
  });

  test('measures unrolls until no column waits any more', async () => {
    await using own = await startSession();
    // Two unrolls of 6 slots are three updates of 4 columns.
    const six = tiny(...SMALL_IMPALA, 'environment.numEnvs=6').config;
    const request = { session: own, config: six, places, warmUp: 1, unrolls: 1, trace: null };
    const { plain, profiled, nodes } = await measureUpdates(request);
    expect([plain.updates, profiled.updates]).toEqual([3, 3]);
    const window = nodes.filter(({ graph }) => own.graphOf(graph).name === 'column_window');
    expect(window.length).toBeGreaterThan(0);
  });

  test('trains the same bits as without the profiler', async () => {
    await using plain = await startSession();
    for await (const update of updateLoop({
      session: plain,
      config,
      places,
      stop: new AbortController().signal,
    }))
      expect(update.index).toBeLessThan(8);
    const digest = async (one: Session) => (await one.call('digest', { set: SET })).sha256;
    expect(await digest(session)).toBe(await digest(plain));
  });

  test('is refused twice at once, ends once, and says when a trace cannot be written', async () => {
    const end = (file: string | null) => rejection(session.call('profile_end', { trace: file }));
    expect(await end(null)).toMatchObject({ code: 'REQUEST_INVALID' });
    await session.call('profile_begin', {});
    expect(await rejection(session.call('profile_begin', {}))).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(await end(path.join(folder, 'no', 'trace.json'))).toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('trace') as string,
    });
    // The one that failed is over all the same.
    await session.call('profile_begin', {});
    expect((await session.call('profile_end', { trace: null })).nodes).toEqual([]);
  });
});
