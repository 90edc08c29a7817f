import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { tensorSpec, trace } from '../../../src/graph/index.ts';
import { fromArray, HostArray, loadTensors, saveTensors } from '../../../src/train/index.ts';
import { needsPython, python, rejection } from '../runs/run-fixture.ts';
import { startSession } from '../../support/session.ts';

function temporaryFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-tensors-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'x.safetensors');
}

test('numbers become tensors of the dtype and shape that they look like', () => {
  expect(
    fromArray([
      [1, 2, 3],
      [4, 5, 6],
    ]),
  ).toMatchObject({ dtype: 'float32', shape: [2, 3] });
  expect(fromArray(7)).toMatchObject({ dtype: 'float32', shape: [] });
  expect(fromArray([true, false])).toMatchObject({ dtype: 'bool', shape: [2] });
  expect(fromArray(Float64Array.of(1, 2), { shape: [2, 1] })).toMatchObject({
    dtype: 'float64',
    shape: [2, 1],
  });
  expect(fromArray([1, -2], { dtype: 'int64' }).toArray()).toEqual(BigInt64Array.of(1n, -2n));
  expect(fromArray(BigInt64Array.of(5n)).item()).toBe(5);
});

test('numbers that do not fit are refused instead of being cut', () => {
  expect(() => fromArray([[1, 2], [3]])).toThrow('lists of one level must have one length');
  expect(() => fromArray([1, 2, 3], { shape: [2, 2] })).toThrow('[2, 2] must hold 3 elements, got 4');
  expect(() => fromArray([300], { dtype: 'uint8' })).toThrow('whole numbers in [0, 255], got 300');
  expect(() => fromArray([0.5], { dtype: 'int32' })).toThrow('got 0.5');
  expect(() => fromArray(['1'] as never)).toThrow('must be numbers in lists, got string');
  expect(() => fromArray(new Uint16Array(1) as never)).toThrow('got [object Uint16Array]');
  expect(() => fromArray([1, 2]).item()).toThrow('must be one element, got [2]');
});

test('a file gives back every dtype as it was', () => {
  const file = temporaryFile();
  const tensors = {
    a: fromArray([
      [1.5, -2],
      [Infinity, 0],
    ]),
    b: fromArray([1, 2, 3], { dtype: 'int64' }),
    empty: fromArray(new Float32Array(0), { shape: [0, 4] }),
    flags: fromArray([true, false, true]),
    half: new HostArray({ dtype: 'bfloat16', shape: [2], data: Uint8Array.of(128, 63, 0, 64) }),
  };
  saveTensors(file, tensors);
  expect(loadTensors(file)).toEqual(tensors);
});

test('a damaged file is refused with what is wrong', () => {
  const file = temporaryFile();
  expect(() => loadTensors(file)).toThrow(/TENSOR_FILE|ENOENT/);
  writeFileSync(file, 'abc');
  expect(() => loadTensors(file)).toThrow('its header is cut short');
  const header = (entry: object) => {
    const json = Buffer.from(JSON.stringify({ x: entry }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    writeFileSync(file, Buffer.concat([length, json, Buffer.alloc(8)]));
  };
  header({ dtype: 'F32', shape: [3], data_offsets: [0, 12] });
  expect(() => loadTensors(file)).toThrow('the bytes of "x" do not fit F32 [3]');
  header({ dtype: 'F8', shape: [8], data_offsets: [0, 8] });
  expect(() => loadTensors(file)).toThrow('has the dtype F8');
});

test.skipIf(python === null)(
  `PyTorch reads what was saved, and writes what is loaded ${needsPython}`,
  async () => {
    const file = temporaryFile();
    saveTensors(file, {
      x: fromArray([
        [1, 2],
        [3, 4],
      ]),
    });
    const program = [
      'import sys; from safetensors.torch import load_file, save_file',
      'tensors = load_file(sys.argv[1]); save_file({"y": tensors["x"].T.contiguous().double()}, sys.argv[1])',
    ].join('\n');
    await execa(python as string, ['-c', program, file]);
    const { y } = loadTensors(file);
    expect(y).toMatchObject({ dtype: 'float64', shape: [2, 2] });
    expect(y?.toNumbers()).toEqual([1, 3, 2, 4]);
  },
);

test.skipIf(python === null)(
  `tensors stay in the worker, whatever happens to their source ${needsPython}`,
  async () => {
    const graph = trace('sum', { x: tensorSpec([1024]), y: tensorSpec([1024]) }, ({ x, y }) => ({
      z: x.add(y).sum(),
    }));
    await using session = await startSession();
    const source = new Float32Array(1024).fill(1);
    const given = fromArray(source);
    const sending = session.put(given);
    // Neither the list nor the tensor made of it may be read after the call.
    source.fill(100);
    given.data.fill(255);
    const x = await sending;
    const { z } = await session.compute(graph, { x, y: x });
    expect(z.item()).toBe(2048);
    const kept = await session.keep(graph, { x, y: fromArray(new Float32Array(1024).fill(2)) });
    expect(kept.z.shape).toEqual([]);
    expect(await kept.z.toArray()).toEqual(Float32Array.of(3072));
    await x.release();
    await x.release();
    expect(await rejection(session.compute(graph, { x, y: x }))).toMatchObject({ code: 'HANDLE_RELEASED' });
    expect(await rejection(x.toArray())).toMatchObject({ code: 'HANDLE_RELEASED' });
    const wrong = fromArray([1, 2]);
    expect(await rejection(session.compute(graph, { x: wrong, y: wrong }))).toMatchObject({
      code: 'GRAPH_INPUT',
    });
    // What only JavaScript lets through.
    for (const list of [[1, 2], undefined, { data: [1] }] as never[]) {
      const text = expect.stringContaining('must be a tensor of numbers') as string;
      const refused = { code: 'GRAPH_INPUT', message: text };
      expect(await rejection(session.compute(graph, { x: list, y: wrong }))).toMatchObject(refused);
      expect(await rejection(session.put(list))).toMatchObject(refused);
    }
    for (const seed of [-1, 0.5, NaN])
      expect(await rejection(session.createParameters('p', [], seed))).toMatchObject({
        code: 'CONFIG_INVALID',
      });
    await session.close();
    expect(await rejection(kept.z.toArray())).toMatchObject({ code: 'WORKER_CLOSED' });
  },
);
