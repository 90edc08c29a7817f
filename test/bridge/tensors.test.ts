import { describe, expect, it } from 'vitest';
import { hostTensor, toTypedArray, type HostTensor } from '../../bridge/client/index.ts';
import { needsPython, python, startWorker } from './start-worker.ts';

const tensors: readonly HostTensor[] = [
  hostTensor('float64', new Float64Array([1e300, -0, NaN, Infinity]), [2, 2]),
  hostTensor('float32', new Float32Array([1.5, NaN, -Infinity]), [3]),
  hostTensor('float16', new Uint16Array([0x3c00, 0x7e00]), [2]),
  hostTensor('bfloat16', new Uint16Array([0x3f80, 0x7fc0, 0xff80]), [3, 1]),
  hostTensor('int64', new BigInt64Array([-(2n ** 63n), 2n ** 53n + 1n]), [2]),
  hostTensor('int32', new Int32Array([-(2 ** 31), 7]), [1, 2]),
  hostTensor('uint8', new Uint8Array([0, 255]), [2]),
  hostTensor('bool', new Uint8Array([1, 0, 1]), [3]),
  hostTensor('float32', new Float32Array([2.5]), []),
  hostTensor('float32', new Float32Array(0), [0, 4]),
  hostTensor('uint8', new Uint8Array(0), [0]),
];

describe('hostTensor', () => {
  it('refuses data whose length is not the product of the shape', () => {
    expect(() => hostTensor('float32', new Float32Array(3), [2, 2])).toThrow(
      'float32 [2, 2] must be 16 bytes, got 12',
    );
  });

  it('refuses an array of another type', () => {
    const wrong = new Float64Array(2) as unknown as Float32Array;
    expect(() => hostTensor('float32', wrong, [2])).toThrow('must be given as Float32Array');
  });

  it('reads elements at an odd address', () => {
    const bytes = new Uint8Array(9);
    bytes.set(new Uint8Array(new Float32Array([1.5, 2.5]).buffer), 1);
    const tensor = { dtype: 'float32', shape: [2], data: bytes.subarray(1) } as const;
    expect([...toTypedArray(tensor)]).toEqual([1.5, 2.5]);
  });
});

describe.skipIf(python === null)(`tensor frames (${needsPython})`, () => {
  it('come back bit for bit in every dtype, empty and without dimensions too', async () => {
    await using worker = await startWorker();
    const reply = await worker.call('get', { handles: [], set: null, parameters: [] }, { tensors });
    expect(reply.tensors.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(
      tensors.map(({ dtype, shape }) => ({ dtype, shape })),
    );
    for (const [index, tensor] of tensors.entries()) {
      expect(Buffer.from(reply.tensors[index]?.data ?? []).equals(tensor.data)).toBe(true);
    }
  });

  it('keep what they held when `call` returned, whatever is written to them afterwards', async () => {
    await using worker = await startWorker();
    const array = new Float32Array(2 ** 18);
    const replies = Array.from({ length: 20 }, (_, index) => {
      array.fill(index);
      const tensor = hostTensor('float32', array, [2 ** 18]);
      return worker.call('get', { handles: [], set: null, parameters: [] }, { tensors: [tensor] });
    });
    array.fill(-1);
    for (const [index, { tensors: returned }] of (await Promise.all(replies)).entries()) {
      const values = toTypedArray(returned[0] as HostTensor & { dtype: 'float32' });
      expect(values.every((value) => value === index)).toBe(true);
    }
  });

  it('are refused before they are sent when bytes and shape disagree', async () => {
    await using worker = await startWorker();
    const short = { dtype: 'float32', shape: [4], data: new Uint8Array(4) } as const;
    await expect(
      worker.call('get', { handles: [], set: null, parameters: [] }, { tensors: [short] }),
    ).rejects.toMatchObject({ code: 'PROTOCOL_TENSOR' });
    await expect(worker.call('digest', { set: 'still alive' })).resolves.toBeDefined();
  });

  it('of a handler are refused when bytes and shape disagree', async () => {
    await using worker = await startWorker();
    await expect(worker.call('release', { handles: ['bad_tensor'] })).rejects.toMatchObject({
      code: 'PROTOCOL_TENSOR',
    });
  });
});
