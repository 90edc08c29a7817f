import { describe, expect, it } from 'vitest';
import { RemoteError } from '../../bridge/protocol/errors.ts';
import type { RequestBody } from '../../bridge/protocol/messages.ts';
import { behave, needsPython, python, rejection, startWorker, until } from './start-worker.ts';

describe.skipIf(python === null)(`Worker.call (${needsPython})`, () => {
  it('answers in the order of the calls', async () => {
    await using worker = await startWorker();
    const order: string[] = [];
    const calls = ['a', 'b', 'c'].map((set) =>
      worker.call('digest', { set }).then(({ body }) => order.push(body.sha256)),
    );
    await Promise.all(calls);
    expect(order).toEqual(['a', 'b', 'c']);
    expect(worker.statistics.calls).toBe(3);
    expect(worker.statistics.workerSeconds).toBeGreaterThan(0);
    expect(worker.statistics.waitSeconds).toBeGreaterThan(worker.statistics.workerSeconds);
  });

  it('takes more calls at once than a socket queue holds', async () => {
    await using worker = await startWorker();
    const busy = behave(worker, 'sleep', 0.5);
    const calls = Array.from({ length: 2_000 }, (_, index) => worker.call('digest', { set: `${index + 1}` }));
    const replies = await Promise.all(calls);
    expect(replies.map(({ body }) => Number(body.sha256))).toEqual(replies.map((_, index) => index + 1));
    await busy;
  });

  it('hands NaN and infinite losses through', async () => {
    await using worker = await startWorker();
    const body = { graph: 'g', optimizer: 'o', inputs: {}, loss: 'loss', report: [] };
    const reply = await worker.call('accumulate', body);
    expect(reply.body.values).toEqual({ loss: NaN, norm: Infinity, entropy: 1 });
  });

  it('rejects with the Python traceback below the stack of the caller', async () => {
    await using worker = await startWorker();
    const error = await rejection(behave(worker, 'raise'));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({
      code: 'WORKER_INTERNAL',
      message: expect.stringContaining('ValueError: the fixture was asked to fail') as string,
    });
    const { stack } = error as RemoteError;
    expect(stack).toMatch(/start-worker\.ts:\d+[\s\S]*--- Python traceback ---[\s\S]*misbehaving\.py/);
  });

  it('keeps code, mend, graph and node of an error that has them', async () => {
    await using worker = await startWorker();
    await expect(behave(worker, 'raise_coded')).rejects.toMatchObject({
      code: 'GRAPH_FAILED',
      message: 'run: node 3 failed.',
      remedy: 'Look at it.',
      remote: { graph: 'abc', node: 3, fatal: false },
    });
  });

  it('names the path of a field that does not match the schema', async () => {
    await using worker = await startWorker();
    const wrong = { handles: ['a', 7] } as unknown as RequestBody<'release'>;
    await expect(worker.call('release', wrong)).rejects.toMatchObject({
      code: 'PROTOCOL_BODY',
      message: expect.stringContaining('$.handles[1]') as string,
    });
    const unknown = { handles: [], colour: 1 } as unknown as RequestBody<'release'>;
    await expect(worker.call('release', unknown)).rejects.toMatchObject({
      code: 'PROTOCOL_BODY',
      message: expect.stringContaining('colour') as string,
    });
  });

  it('refuses a verb that the worker does not know', async () => {
    await using worker = await startWorker();
    await expect(worker.call('fly' as 'release', { handles: [] })).rejects.toMatchObject({
      code: 'PROTOCOL_VERB',
      message: expect.stringContaining('"fly"') as string,
    });
  });

  it('refuses a typed array in a body and stays usable', async () => {
    await using worker = await startWorker();
    const body = { handles: [new Float32Array(2)] } as unknown as RequestBody<'release'>;
    await expect(worker.call('release', body)).rejects.toMatchObject({ code: 'PROTOCOL_VALUE' });
    await expect(worker.call('digest', { set: 'x' })).resolves.toMatchObject({ body: { sha256: 'x' } });
  });

  it('refuses a reply that does not match its schema', async () => {
    await using worker = await startWorker();
    await expect(behave(worker, 'bad_reply')).rejects.toMatchObject({
      code: 'PROTOCOL_BODY',
      message: expect.stringContaining('unexpected') as string,
    });
  });
});

describe.skipIf(python === null)(`a cancelled call (${needsPython})`, () => {
  it('rejects at once with the reason of the signal, and the handler stops', async () => {
    await using worker = await startWorker();
    const controller = new AbortController();
    const reason = new Error('the person changed their mind');
    const call = worker.call('release', { handles: ['work', '20'] }, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    expect(await rejection(call)).toBe(reason);
    // The next request runs only when the cancelled one has ended.
    await expect(worker.call('digest', { set: 'next' }, { deadlineMs: 5_000 })).resolves.toBeDefined();
  });

  it('rejects with REQUEST_CANCELLED when the signal gives no reason', async () => {
    await using worker = await startWorker();
    await expect(worker.call('digest', { set: 'x' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'REQUEST_CANCELLED',
    });
  });

  it('is not begun when it was cancelled in the queue', async () => {
    await using worker = await startWorker();
    const controller = new AbortController();
    const first = behave(worker, 'sleep', 0.5);
    const second = worker.call('release', { handles: ['exit', '1'] }, { signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
    await first;
    await expect(worker.call('digest', { set: 'alive' })).resolves.toBeDefined();
  });
});

describe.skipIf(python === null)(`a deadline (${needsPython})`, () => {
  it('rejects a call that still makes progress, and the worker goes on', async () => {
    await using worker = await startWorker();
    const start = performance.now();
    const call = worker.call('release', { handles: ['work', '20'] }, { deadlineMs: 300 });
    await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(performance.now() - start).toBeLessThan(1_500);
    await expect(worker.call('digest', { set: 'next' })).resolves.toBeDefined();
  });

  it('drops the answer that comes after it', async () => {
    await using worker = await startWorker();
    const call = worker.call('release', { handles: ['work_without_check', '0.5'] }, { deadlineMs: 100 });
    await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const before = worker.statistics.bytesIn;
    await until(() => worker.statistics.bytesIn > before, 5_000);
    await expect(worker.call('digest', { set: 'next' })).resolves.toMatchObject({ body: { sha256: 'next' } });
  });
});
