import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { fixtures, needsPython, python, rejection, startWorker } from './start-worker.ts';

describe('Worker.start', () => {
  it('says how to mend a Python that is not there', async () => {
    await expect(startWorker({ python: '/nowhere/python3' })).rejects.toMatchObject({
      code: 'WORKER_START',
      message: expect.stringContaining('/nowhere/python3') as string,
      remedy: expect.stringContaining('srwm setup') as string,
    });
  });
});

describe.skipIf(python === null || process.platform === 'win32')(`the handshake (${needsPython})`, () => {
  /** Starts a program that changes something and then becomes the worker. */
  function impostor(program: string) {
    return startWorker({
      python: path.join(fixtures, 'impostor.sh'),
      environment: { FIXTURE_PYTHON: python ?? '', FIXTURE_PROGRAM: path.join(fixtures, program) },
    });
  }

  it('tells who the worker is', async () => {
    await using worker = await startWorker();
    expect(worker.hello).toMatchObject({ python: expect.stringMatching(/^3\.\d+/) as string, threads: 1 });
    expect(worker.hello).not.toHaveProperty('token');
  });

  it('takes place over loopback where the path of a socket would be too long', async () => {
    vi.stubEnv('TMPDIR', `/tmp/${'long'.repeat(30)}`);
    try {
      await using worker = await startWorker();
      await expect(worker.call('digest', { set: 'x' })).resolves.toMatchObject({ body: { sha256: 'x' } });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('refuses a worker without the token of this run', async () => {
    await expect(impostor('wrong_token.py')).rejects.toMatchObject({ code: 'PROTOCOL_TOKEN' });
  });

  it('refuses a worker of another protocol version with a sentence', async () => {
    await expect(impostor('wrong_major.py')).rejects.toMatchObject({
      code: 'PROTOCOL_VERSION',
      message: expect.stringContaining('got 9') as string,
      remedy: expect.stringContaining('srwm setup') as string,
    });
  });

  it('refuses a worker whose messages were generated from other schemas', async () => {
    await expect(impostor('wrong_hash.py')).rejects.toMatchObject({ code: 'PROTOCOL_VERSION' });
  });

  it('reports a worker that ends before its greeting, with its last lines', async () => {
    // A program of our own: .venv's Python finds srwm wherever PYTHONPATH points.
    const folder = await mkdtemp(path.join(tmpdir(), 'srwm-ends-early-'));
    const endsEarly = path.join(folder, 'python');
    await writeFile(endsEarly, '#!/bin/sh\necho "No module named srwm" >&2\nexit 1\n', { mode: 0o755 });
    const error = await rejection(startWorker({ python: endsEarly }));
    await rm(folder, { recursive: true });
    expect(error).toMatchObject({
      code: 'WORKER_START',
      message: expect.stringMatching(/exited with code 1[\s\S]*No module named/) as string,
    });
  });

  it('reports handlers that cannot be imported, with the Python traceback', async () => {
    const error = await rejection(startWorker({ environment: { FIXTURE_FAIL_IMPORT: '1' } }));
    expect(error).toMatchObject({
      code: 'WORKER_START',
      message: expect.stringContaining('no module named torch') as string,
      detail: { traceback: expect.stringContaining('build_handlers') as string },
    });
  });

  it('gives up after startTimeoutMs', async () => {
    const start = performance.now();
    await expect(impostorThatSleeps()).rejects.toMatchObject({
      code: 'WORKER_START',
      message: expect.stringContaining('got no HELLO') as string,
    });
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it('gives up at once when its signal says so, before or while the worker starts', async () => {
    const reason = new Error('enough');
    await expect(impostorThatSleeps(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const stop = new AbortController();
    const started = impostorThatSleeps(60_000, stop.signal);
    setTimeout(() => stop.abort(reason), 200);
    await expect(started).rejects.toBe(reason);
  });

  function impostorThatSleeps(startTimeoutMs = 300, startSignal?: AbortSignal) {
    const python = path.join(fixtures, 'sleep.sh');
    return startWorker({ python, startTimeoutMs, ...(startSignal && { startSignal }) });
  }
});
