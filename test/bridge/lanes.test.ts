/** Two lanes of one worker: each in its order, neither behind the other, and none of them left behind at an end. */
import { describe, expect, it } from 'vitest';
import type { Worker } from '../../bridge/client/index.ts';
import type { Lane } from '../../bridge/protocol/envelope.ts';
import { WorkerLost } from '../../bridge/protocol/errors.ts';
import { behave, needsPython, python, rejection, startWorker, until, isAlive } from './start-worker.ts';

const behaveOn = (worker: Worker, lane: Lane, ...handles: readonly (string | number)[]) =>
  worker.call('release', { handles: handles.map(String) }, { lane });

const digestOn = (worker: Worker, lane: Lane, set: string) => worker.call('digest', { set }, { lane });

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);

describe.skipIf(python === null)(`lanes of a worker (${needsPython})`, () => {
  it('let one request pass another, and keep the order inside each', async () => {
    await using worker = await startWorker();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const slow = behaveOn(worker, 'act', 'work', 1).then(note('act 1'));
    const behind = digestOn(worker, 'act', 'x').then(note('act 2'));
    await digestOn(worker, 'learn', 'a').then(note('learn 1'));
    await worker.call('digest', { set: 'b' }).then(note('learn 2'));
    await Promise.all([slow, behind]);
    expect(order).toEqual(['learn 1', 'learn 2', 'act 1', 'act 2']);
  });

  it('let an act request pass a long one of the other lane', async () => {
    await using worker = await startWorker();
    await digestOn(worker, 'act', 'first');
    let learning = true;
    const learn = behave(worker, 'work', 1).then(() => (learning = false));
    expect((await digestOn(worker, 'act', 'second')).body.sha256).toBe('second');
    expect(learning).toBe(true);
    await learn;
  });

  it('bring every answer to its call, tensors too', { timeout: 60_000 }, async () => {
    await using worker = await startWorker();
    const handles = Array.from({ length: 400 }, (_, i) => i);
    const answers = await Promise.all(
      handles.map(async (i) => {
        const values = new Float32Array(i % 7 === 0 ? 100_000 : 5).fill(i);
        const { tensors } = await worker.call(
          'get',
          { handles: [], set: null, parameters: [] },
          {
            tensors: [{ dtype: 'float32', shape: [values.length], data: bytesOf(values) }],
            lane: i % 2 ? 'act' : 'learn',
          },
        );
        const bytes = tensors[0]?.data as Buffer;
        return bytes.readFloatLE(bytes.length - 4);
      }),
    );
    expect(answers).toEqual(handles);
  });

  it('fail apart from each other', async () => {
    await using worker = await startWorker();
    const [acted, learnt] = await Promise.allSettled([
      behaveOn(worker, 'act', 'raise_coded'),
      digestOn(worker, 'learn', 'a'),
    ]);
    expect(acted).toMatchObject({ status: 'rejected', reason: { code: 'GRAPH_FAILED' } });
    expect(learnt.status).toBe('fulfilled');
    expect((await digestOn(worker, 'act', 'b')).body.sha256).toBe('b');
  });

  it('can be cancelled one by one', async () => {
    await using worker = await startWorker();
    const stop = new AbortController();
    const acting = worker.call('release', { handles: ['work', '60'] }, { lane: 'act', signal: stop.signal });
    await digestOn(worker, 'learn', 'a');
    const learning = behave(worker, 'work', 0.3);
    stop.abort();
    await expect(acting).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
    await learning;
    // The lane is free again.
    await digestOn(worker, 'act', 'b');
  });

  it('are left by a worker that closes, whatever they are at', async () => {
    const worker = await startWorker();
    await digestOn(worker, 'act', 'a');
    const calls = [behaveOn(worker, 'act', 'work', 60), behave(worker, 'work', 60)].map(rejection);
    await worker.close();
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'WORKER_CLOSED' });
    await until(() => !isAlive(worker.hello.pid), 5000);
  });

  it.each(['act', 'learn'] as const)('end with a worker that exits in %s, with its code', async (lane) => {
    await using worker = await startWorker();
    await digestOn(worker, 'act', 'a');
    const waiting = behaveOn(worker, lane === 'act' ? 'learn' : 'act', 'sleep', 60).catch((e: unknown) => e);
    const error = await rejection(behaveOn(worker, lane, 'exit', 3));
    expect(error).toBeInstanceOf(WorkerLost);
    expect(error).toMatchObject({
      exit: { exitCode: 3, logTail: expect.arrayContaining(['fixture: last words']) as string[] },
    });
    expect(await waiting).toMatchObject({ code: 'WORKER_LOST' });
  });

  it('are told from a hung worker when one of them stands still past its deadline', async () => {
    await using worker = await startWorker({ hungAfterMs: 400 });
    const call = worker.call('release', { handles: ['sleep_for_ever'] }, { lane: 'act', deadlineMs: 300 });
    expect(await rejection(call)).toMatchObject({
      code: expect.stringMatching(/WORKER_HUNG|DEADLINE/) as string,
    });
    const next = await rejection(digestOn(worker, 'act', 'behind it'));
    expect(next).toMatchObject({ code: 'WORKER_HUNG' });
  });

  it('count the time of one lane only', async () => {
    await using worker = await startWorker();
    await Promise.all([behaveOn(worker, 'act', 'work', 0.6), behaveOn(worker, 'learn', 'work', 0.2)]);
    const { waitSeconds, workerSeconds } = worker.statistics;
    expect(workerSeconds).toBeLessThan(0.6);
    expect(waitSeconds).toBeGreaterThanOrEqual(workerSeconds);
  });
});
