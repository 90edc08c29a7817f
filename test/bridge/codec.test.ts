import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeHeader, encodeHeader } from '../../bridge/protocol/codec.ts';
import { controlSchemas } from '../../bridge/protocol/control.ts';
import { envelopeSchemas } from '../../bridge/protocol/envelope.ts';
import { decodePreamble, encodePreamble } from '../../bridge/protocol/frames.ts';
import { fromGolden, type GoldenMessage, type GoldenVector } from '../../bridge/protocol/golden-vectors.ts';
import { root } from './start-worker.ts';

function golden(name: string): unknown {
  return JSON.parse(readFileSync(path.join(root, 'bridge/protocol/golden', `${name}.json`), 'utf8'));
}

/** Numbers and BigInts of one value are the same value: the wire does not tell them apart. */
function asBigInts(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(asBigInts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asBigInts(item)]));
}

const schemas = { ...controlSchemas, ...envelopeSchemas };

describe('golden vectors', () => {
  it.each(golden('values') as GoldenVector[])('encodes and decodes $name', (vector) => {
    const value = fromGolden(vector.value);
    const bytes = encodeHeader({ value }).subarray('81a576616c7565'.length / 2);
    expect(bytes.toString('hex')).toBe(vector.hex);
    expect(asBigInts(decodeHeader(Buffer.from(vector.hex, 'hex')))).toEqual(asBigInts(value));
    expect(asBigInts(decodeHeader(Buffer.from(vector.python_hex, 'hex')))).toEqual(asBigInts(value));
  });

  it.each(golden('messages') as GoldenMessage[])('encodes and decodes the message "$name"', (message) => {
    const frames = message.frames.map((frame) => Buffer.from(frame, 'hex'));
    const header = fromGolden(message.header) as object;
    expect(decodePreamble(frames)).toEqual({
      kind: message.kind,
      epoch: message.epoch,
      frames: frames.length,
    });
    expect(encodePreamble({ kind: message.kind, epoch: message.epoch, frames: frames.length })).toEqual(
      frames[0],
    );
    expect(encodeHeader(header)).toEqual(frames[1]);
    const decoded = schemas[message.kind].parse(decodeHeader(frames[1] as Buffer));
    expect(asBigInts(decoded)).toEqual(asBigInts(header));
  });
});

describe('encodeHeader', () => {
  class Point {
    readonly x = 1;
  }
  it.each([
    ['a typed array', { a: [new Float32Array(3)] }, '$.a.0', 'Float32Array'],
    ['a buffer', { a: Buffer.alloc(3) }, '$.a', 'Uint8Array'],
    ['a function', { a: { b: () => 1 } }, '$.a.b', 'function'],
    ['a symbol', { a: Symbol('x') }, '$.a', 'symbol'],
    ['a class instance', { a: new Point() }, '$.a', 'instance'],
    ['a map', { a: new Map() }, '$.a', 'Map'],
    ['a date', { a: new Date() }, '$.a', 'Date'],
    ['a BigInt past 64 bits', { a: 2n ** 64n }, '$.a', '18446744073709551616'],
    ['a __proto__ key', JSON.parse('{"a":{"__proto__":1}}') as object, '$.a', '__proto__'],
  ])('refuses %s and names its path', (_what, header, at, got) => {
    expect(() => encodeHeader(header)).toThrow(
      expect.objectContaining({
        code: 'PROTOCOL_VALUE',
        message: expect.stringContaining(`${at} must be a plain value`) as string,
      }),
    );
    expect(() => encodeHeader(header)).toThrow(got);
  });

  it('refuses an object that contains itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => encodeHeader(loop)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VALUE' }));
  });

  it('keeps the bytes of one header when the next ones are encoded', () => {
    const first = encodeHeader({ text: 'a'.repeat(1000) });
    const before = Buffer.from(first);
    for (let index = 0; index < 200; index += 1) encodeHeader({ text: 'b'.repeat(1000) });
    expect(first.equals(before)).toBe(true);
  });
});

describe('decodePreamble', () => {
  const header = Buffer.from([0x80]);
  const good = encodePreamble({ kind: 'PONG', epoch: 1, frames: 2 });

  it('refuses another major version before it reads the header', () => {
    const bytes = Buffer.from(good);
    bytes[4] = 2;
    expect(() => decodePreamble([bytes, Buffer.from('garbage')])).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_VERSION' }),
    );
  });

  it.each([
    ['no frame', []],
    ['a short preamble', [good.subarray(0, 15), header]],
    ['another magic', [Buffer.from('HTTP/1.1 200 OK\r'), header]],
    ['a wrong frame count', [good, header, header]],
    ['no header', [encodePreamble({ kind: 'PONG', epoch: 1, frames: 1 })]],
  ])('refuses %s', (_what, frames) => {
    expect(() => decodePreamble(frames)).toThrow(expect.objectContaining({ code: 'PROTOCOL_HEADER' }));
  });
});
