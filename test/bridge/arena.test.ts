/** Large tensors by memory that both processes share: what was sent arrives, and every place is used again. */
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { hostTensor, type HostTensor, type Worker, type WorkerOptions } from '../../bridge/client/index.ts';
import { Arena } from '../../bridge/client/arena.ts';
import type { RequestBody } from '../../bridge/protocol/messages.ts';
import { needsPython, python, rejection, startWorker } from './start-worker.ts';

const MEBIBYTE = 2 ** 20;
const ROOM_FOR_THREE = 3 * MEBIBYTE + 2 ** 14;
const echo: RequestBody<'get'> = { handles: [], set: null, parameters: [] };

function filled(value: number, size = MEBIBYTE): HostTensor {
  return hostTensor('uint8', new Uint8Array(size).fill(value), [size]);
}

/** A worker and the lines of its log that are about the arena. */
async function start(changes: Partial<WorkerOptions>): Promise<{ worker: Worker; lines: string[] }> {
  const lines: string[] = [];
  const onLog = (line: string): void => void (line.startsWith('bridge:') && lines.push(line));
  return { worker: await startWorker({ onLog, ...changes }), lines };
}

function isAll(tensor: HostTensor | undefined, value: number): boolean {
  return tensor?.data.length === MEBIBYTE && tensor.data.every((byte) => byte === value);
}

/** File descriptors of this process that are memory without a name. */
function openMemories(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith('/memfd:srwm')).length;
}

describe.skipIf(python === null || process.platform !== 'linux')(`the arena (${needsPython}, Linux)`, () => {
  afterEach(() => expect(openMemories()).toBe(0));

  it('carries tensors of one message in it, in frames and small ones between them', async () => {
    const { worker, lines } = await start({ arenaBytes: ROOM_FOR_THREE });
    await using _ = worker;
    expect(openMemories()).toBe(1);
    const sizes = [MEBIBYTE, 3, 2 * MEBIBYTE, 0, MEBIBYTE + 1, MEBIBYTE];
    const tensors = sizes.map((size, index) => filled(index + 1, size));
    const reply = await worker.call('get', echo, { tensors });
    expect(reply.tensors.map(({ data }) => Buffer.compare(data, tensors.shift()?.data ?? data))).toEqual(
      sizes.map(() => 0),
    );
    expect(lines).toEqual([
      expect.stringContaining(`${ROOM_FOR_THREE} bytes of the worker's memory are in use`),
    ]);
  });

  it('uses a place again when its tensor is gone', async () => {
    const { worker, lines } = await start({ arenaBytes: ROOM_FOR_THREE });
    await using _ = worker;
    for (let value = 0; value < 50; value++) {
      const { tensors } = await worker.call('get', echo, { tensors: [filled(value)] });
      expect(isAll(tensors[0], value)).toBe(true);
    }
    expect(lines).toEqual([]);
  });

  it('carries what begins on pages that exist and ends on new ones', async () => {
    const { worker, lines } = await start({ arenaBytes: 2 ** 24 });
    await using _ = worker;
    for (const size of [300_000, 2 * MEBIBYTE + 5, 400_001, 3 * MEBIBYTE]) {
      const data = Uint8Array.from({ length: size }, (_, index) => (index * 31 + size) % 251);
      const { tensors } = await worker.call('get', echo, { tensors: [hostTensor('uint8', data, [size])] });
      expect(Buffer.compare(tensors[0]?.data ?? Buffer.alloc(0), data)).toBe(0);
    }
    expect(lines).toEqual([]);
  });

  it('takes by the socket what does not fit, and says so once', async () => {
    const { worker, lines } = await start({ arenaBytes: ROOM_FOR_THREE });
    await using _ = worker;
    const calls = Array.from({ length: 12 }, (_, value) =>
      worker.call('get', echo, { tensors: [filled(value)] }),
    );
    const replies = await Promise.all(calls);
    expect(replies.map(({ tensors }, value) => isAll(tensors[0], value))).toEqual(replies.map(() => true));
    expect(lines).toHaveLength(1);
  });

  it('has the places of requests back that failed, on this side and on the other', async () => {
    const { worker, lines } = await start({ arenaBytes: ROOM_FOR_THREE });
    await using _ = worker;
    const failures = [
      ['get', { handles: [Symbol('refused here')] }, 'PROTOCOL_VALUE'],
      ['get', { handles: [7] }, 'PROTOCOL_BODY'],
      ['fly', {}, 'PROTOCOL_VERB'],
      ['release', { handles: ['raise'] }, 'WORKER_INTERNAL'],
      ['release', { handles: ['bad_tensor'] }, 'PROTOCOL_TENSOR'],
    ] as const;
    for (let round = 0; round < 4; round++) {
      for (const [verb, body, code] of failures) {
        const call = worker.call(verb as 'get', body as unknown as RequestBody<'get'>, {
          tensors: [filled(1)],
        });
        expect(await rejection(call)).toMatchObject({ code });
      }
    }
    const cancelled = AbortSignal.abort();
    await rejection(worker.call('get', echo, { tensors: [filled(1)], signal: cancelled }));
    expect(lines).toEqual([]);
  });

  it('is not missed where there is none', async () => {
    const { worker, lines } = await start({ arenaBytes: 0 });
    await using _ = worker;
    expect(openMemories()).toBe(0);
    const { tensors } = await worker.call('get', echo, { tensors: [filled(9)] });
    expect(isAll(tensors[0], 9)).toBe(true);
    expect(lines).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('Arena (Linux)', () => {
  const lines: string[] = [];
  const note = (line: string): void => void lines.push(line);
  afterEach(() => void lines.splice(0));

  /** A file of this process as an arena whose token is zeros, which is what is in it. */
  function over(file: string): Arena | null {
    const fd = openSync(file, 'r+');
    const arena = Arena.open(process.pid, { fd, size: MEBIBYTE }, '\0'.repeat(8), note);
    closeSync(fd);
    return arena;
  }

  it('writes where it cannot map, and gives up for good when memory runs out', () => {
    const arena = over('/dev/full');
    expect([arena?.write(new Uint8Array(10)), arena?.write(new Uint8Array(10))]).toEqual([null, null]);
    expect(lines).toEqual([expect.stringContaining('cannot be mapped'), expect.stringContaining('ENOSPC')]);
    arena?.close();
  });

  it('takes the first gap that is wide enough', () => {
    const arena = over('/dev/zero');
    const places = [100, 5000, 100].map((size) => arena?.write(new Uint8Array(size)));
    expect(places).toEqual([4112, 8208, 16_400]);
    arena?.free([8208]);
    expect(arena?.write(new Uint8Array(8193))).toBe(20_496);
    expect(arena?.write(new Uint8Array(8192))).toBe(8208);
    expect(() => arena?.free([12_288])).toThrow('no place in use');
    arena?.close();
  });

  it('is none where another process has the number of the worker, or nobody', () => {
    const fd = openSync('/dev/zero', 'r+');
    expect(Arena.open(process.pid, { fd, size: MEBIBYTE }, 'token', note)).toBeNull();
    closeSync(fd);
    expect(Arena.open(process.pid, { fd: 99_999, size: MEBIBYTE }, 'token', note)).toBeNull();
    expect(Arena.open(process.pid, null, 'token', note)).toBeNull();
    expect(lines).toEqual([expect.stringContaining('out of reach'), expect.stringContaining('ENOENT')]);
  });
});
