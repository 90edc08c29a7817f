import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Worker } from '../../bridge/client/index.ts';
import { WorkerLost } from '../../bridge/protocol/errors.ts';
import { behave, isAlive, needsPython, python, rejection, startWorker, until } from './start-worker.ts';

/** Milliseconds from `act` to the rejection of `call`. */
async function timeToRejection(call: Promise<unknown>, act: () => void): Promise<[unknown, number]> {
  const start = performance.now();
  act();
  const error = await rejection(call);
  return [error, performance.now() - start];
}

/** Waits until the worker has begun what it was asked: a pong says so. */
async function begun(worker: Worker): Promise<void> {
  await worker.call('digest', { set: 'warm' });
  await new Promise((resolve) => setTimeout(resolve, 50));
}

describe.skipIf(python === null)(`a worker that dies (${needsPython})`, () => {
  it('rejects every pending call when it is killed, and every later one', async () => {
    await using worker = await startWorker();
    await begun(worker);
    const calls = [behave(worker, 'sleep', 60), behave(worker, 'sleep', 60), behave(worker, 'sleep', 60)];
    process.kill(worker.hello.pid, 'SIGKILL');
    const error = await rejection(calls[0] as Promise<unknown>);
    expect(error).toBeInstanceOf(WorkerLost);
    expect(error).toMatchObject({
      code: 'WORKER_LOST',
      exit: { exitCode: null, signal: 'SIGKILL' },
      remedy: expect.stringContaining('out of memory') as string,
      message: expect.stringContaining('while answering release (request 2)') as string,
    });
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'WORKER_LOST' });
    await expect(worker.call('digest', { set: 'x' })).rejects.toMatchObject({ code: 'WORKER_LOST' });
  });

  it('is named where a message cannot be sent any more before its end is known', async () => {
    await using worker = await startWorker();
    await begun(worker);
    process.kill(worker.hello.pid, 'SIGKILL');
    // The socket learns it in a thread of its own, this program only when it comes to its events.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    const error = await rejection(worker.call('digest', { set: 'x' }));
    expect(error).toBeInstanceOf(WorkerLost);
    expect(error).toMatchObject({ code: 'WORKER_LOST', exit: { signal: 'SIGKILL' } });
  });

  it('is noticed within 100 ms (the best of three: the machine may be busy)', async () => {
    const times: number[] = [];
    for (let trial = 0; trial < 3; trial += 1) {
      await using worker = await startWorker();
      await begun(worker);
      const [, elapsed] = await timeToRejection(behave(worker, 'sleep', 60), () =>
        process.kill(worker.hello.pid, 'SIGKILL'),
      );
      times.push(elapsed);
    }
    console.log(`SIGKILL to rejection: ${times.map((time) => time.toFixed(1)).join(', ')} ms`);
    expect(Math.min(...times)).toBeLessThan(100);
  });

  it('reports its exit code and the last lines of its log', async () => {
    await using worker = await startWorker();
    await expect(behave(worker, 'exit', 3)).rejects.toMatchObject({
      code: 'WORKER_LOST',
      exit: {
        exitCode: 3,
        signal: null,
        logTail: expect.arrayContaining(['fixture: last words']) as string[],
      },
      message: expect.stringMatching(/exited with code 3[\s\S]*fixture: last words/) as string,
    });
  });

  it('takes the processes that it started with it', async () => {
    await using worker = await startWorker();
    const folder = mkdtempSync(path.join(tmpdir(), 'srwm-test-'));
    const file = path.join(folder, 'pid');
    await behave(worker, 'spawn_child', file);
    const child = Number(readFileSync(file, 'utf8'));
    expect(isAlive(child)).toBe(true);
    await rejection(behave(worker, 'kill_self'));
    await until(() => !isAlive(child), 2_000);
    rmSync(folder, { recursive: true });
  });
});

describe.skipIf(python === null)(`a worker that hangs (${needsPython})`, () => {
  const impatient = { pingIntervalMs: 50, hungAfterMs: 500 };

  it('is found by its silence when it is stopped', async () => {
    await using worker = await startWorker(impatient);
    const call = behave(worker, 'sleep', 60);
    const [error, elapsed] = await timeToRejection(call, () => process.kill(worker.hello.pid, 'SIGSTOP'));
    console.log(`SIGSTOP to rejection: ${elapsed.toFixed(0)} ms with hungAfterMs 500`);
    expect(error).toMatchObject({ code: 'WORKER_HUNG' });
    expect(elapsed).toBeLessThan(3_000);
    await until(() => !isAlive(worker.hello.pid), 2_000);
  });

  it('is found by its silence when an extension never gives the interpreter back', async () => {
    await using worker = await startWorker(impatient);
    await expect(behave(worker, 'hold_gil', 30)).rejects.toMatchObject({ code: 'WORKER_HUNG' });
  });

  it('is found by standing still past a deadline, although it answers every ping', async () => {
    await using worker = await startWorker(impatient);
    const call = worker.call('release', { handles: ['sleep_for_ever'] }, { deadlineMs: 1_000 });
    await expect(call).rejects.toMatchObject({
      code: 'WORKER_HUNG',
      message: expect.stringContaining('in phase "inside an op"') as string,
    });
    await expect(worker.call('digest', { set: 'x' })).rejects.toMatchObject({ code: 'WORKER_HUNG' });
  });

  it('is found after a short deadline too, and other calls learn it', async () => {
    await using worker = await startWorker(impatient);
    const short = worker.call('release', { handles: ['sleep_for_ever'] }, { deadlineMs: 100 });
    const behind = worker.call('digest', { set: 'behind' });
    await expect(short).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(behind).rejects.toMatchObject({ code: 'WORKER_HUNG' });
  });

  it('is told from one that works for a long time', async () => {
    await using worker = await startWorker(impatient);
    await expect(behave(worker, 'sleep', 1.5)).resolves.toBeDefined();
  });
});

describe.skipIf(python === null)(`Worker.close (${needsPython})`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-test-'));
  beforeAll(() => void vi.stubEnv('TMPDIR', folder));
  afterEach(() => expect(readdirSync(folder)).toEqual([]));
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it('lets the handlers close, ends the process and may be called twice', async () => {
    const lines: string[] = [];
    const worker = await startWorker({ onLog: (line) => lines.push(line) });
    await Promise.all([worker.close(), worker.close()]);
    await worker.close();
    expect(lines).toContain('fixture: closed');
    expect(isAlive(worker.hello.pid)).toBe(false);
    await expect(worker.call('digest', { set: 'x' })).rejects.toMatchObject({ code: 'WORKER_CLOSED' });
  });

  it('rejects pending calls and stops a handler that asks', async () => {
    const worker = await startWorker();
    const call = behave(worker, 'work', 60);
    const start = performance.now();
    await worker.close();
    await expect(call).rejects.toMatchObject({ code: 'WORKER_CLOSED' });
    expect(performance.now() - start).toBeLessThan(1_500);
  });

  it('ends a handler that does not ask by SIGTERM, and a stopped process by SIGKILL', async () => {
    const sleeper = await startWorker({ stopGraceMs: 200 });
    void behave(sleeper, 'sleep', 60);
    await sleeper.close();
    expect(isAlive(sleeper.hello.pid)).toBe(false);
    const stopped = await startWorker({ stopGraceMs: 200 });
    process.kill(stopped.hello.pid, 'SIGSTOP');
    await stopped.close();
    expect(isAlive(stopped.hello.pid)).toBe(false);
  });

  it('keeps everything that the worker printed in the log file', async () => {
    const logFile = path.join(folder, 'worker.log');
    const worker = await startWorker({ logFile });
    await worker.close();
    expect(readFileSync(logFile, 'utf8')).toContain('fixture: closed\n');
    rmSync(logFile);
  });
});
