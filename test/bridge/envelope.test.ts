import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelopeSchemas, isPlainReply } from '../../bridge/protocol/envelope.ts';

const plain = { id: 7, body: { any: 'thing' }, tensors: [], freed: [4112], worker_seconds: 0.25 };

describe('isPlainReply', () => {
  it('knows replies without tensors', () => {
    expect(isPlainReply(plain)).toBe(true);
    expect(isPlainReply({ ...plain, body: null, freed: [] })).toBe(true);
  });

  it('leaves tensors to the schema', () => {
    expect(isPlainReply({ ...plain, tensors: [{ dtype: 'bool', shape: [1] }] })).toBe(false);
  });

  it('accepts nothing that the schema refuses, or would change', () => {
    const keys = fc.constantFrom(...Object.keys(plain), 'other', '__proto__');
    const values = fc.oneof(
      fc.anything(),
      fc.constantFrom(
        0,
        -0,
        -1,
        0.5,
        2 ** 53,
        NaN,
        Infinity,
        1n,
        '1',
        null,
        undefined,
        [],
        [-1],
        [0.5],
        [1n],
      ),
    );
    const changed = fc.array(fc.tuple(keys, values), { maxLength: 3 }).map((changes) => {
      const reply: Record<string, unknown> = { ...plain };
      for (const [key, value] of changes) {
        if (value === undefined) delete reply[key];
        else Object.defineProperty(reply, key, { value, enumerable: true, configurable: true });
      }
      return reply;
    });
    fc.assert(
      fc.property(fc.oneof(changed, fc.anything()), (value) => {
        if (!isPlainReply(value)) return;
        expect(envelopeSchemas.REPLY.parse(value)).toEqual(value);
      }),
      { numRuns: 2000 },
    );
  });
});
