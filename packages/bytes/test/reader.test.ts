import { ByteReader, ByteWriter, DecodeError } from '@cmc/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const failing = (code: string) => expect.objectContaining({ name: 'DecodeError', code });
const reader = (...bytes: number[]): ByteReader => new ByteReader(Uint8Array.from(bytes), 'T');

test('what was read does not share memory with the input, not even with a Buffer', () => {
  const input = Buffer.from([1, 2, 3]);
  const read = new ByteReader(input, 'X').bytes(2);
  input.fill(9);
  expect(read).toStrictEqual(Uint8Array.of(1, 2));
});

describe('ByteReader', () => {
  test('reads big-endian integers', () => {
    const r = reader(1, 2, 3, 4, 5, 6, 7, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8);
    expect([r.u8(), r.u16(), r.u32(), r.u64()]).toEqual([
      1,
      0x0203,
      0x0405_0607,
      0xfffe_fdfc_fbfa_f9f8n,
    ]);
    r.end();
  });

  test('reads little-endian integers', () => {
    const bytes = Uint8Array.from([
      1, 2, 3, 4, 5, 6, 7, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8,
    ]);
    const r = new ByteReader(bytes, 'T', 'little');
    expect([r.u8(), r.u16(), r.u32(), r.u64()]).toEqual([
      1,
      0x0302,
      0x0706_0504,
      0xf8f9_fafb_fcfd_feffn,
    ]);
  });

  test('reads a view in the middle of a larger buffer', () => {
    const whole = Uint8Array.from([9, 9, 1, 2, 9]);
    const r = new ByteReader(whole.subarray(2, 4), 'T');
    expect(r.u16()).toBe(0x0102);
    expect(() => r.u8()).toThrow(failing('ERR_DECODE_TRUNCATED'));
  });

  test('counts what is read and what remains', () => {
    const r = reader(1, 2, 3);
    r.u8();
    expect([r.position, r.remaining]).toEqual([1, 2]);
    expect(r.rest()).toEqual(Uint8Array.of(2, 3));
    expect([r.position, r.remaining]).toEqual([3, 0]);
    expect(r.rest()).toEqual(new Uint8Array());
  });

  test('hands out copies', () => {
    const input = Uint8Array.of(0, 1, 7);
    const r = new ByteReader(input, 'T');
    const sized = r.sized16(1);
    input.fill(0);
    expect(sized).toEqual(Uint8Array.of(7));
  });

  test('reads sized fields', () => {
    expect(reader(0, 2, 8, 9).sized16(2)).toEqual(Uint8Array.of(8, 9));
    expect(reader(0, 0, 0, 2, 8, 9).sized32(2)).toEqual(Uint8Array.of(8, 9));
    expect(reader(0, 0).sized16(0)).toEqual(new Uint8Array());
  });

  test('rejects a size beyond the limit before it looks for the bytes', () => {
    expect(() => reader(0, 3, 8, 9).sized16(2)).toThrow(failing('ERR_DECODE_LIMIT'));
    expect(() => reader(0xff, 0xff, 0xff, 0xff).sized32(1024)).toThrow(failing('ERR_DECODE_LIMIT'));
  });

  test('rejects a size within the limit but beyond the input', () => {
    expect(() => reader(0, 3, 8, 9).sized16(3)).toThrow(failing('ERR_DECODE_TRUNCATED'));
  });

  test('reads nothing of a field that is not whole', () => {
    const r = reader(1, 2, 3);
    expect(() => r.u32()).toThrow(failing('ERR_DECODE_TRUNCATED'));
    expect(r.position).toBe(0);
    expect(r.u16()).toBe(0x0102);
  });

  test('rejects reserved bytes that are not zero', () => {
    const r = reader(0, 0, 1);
    r.zeros(2);
    expect(() => r.zeros(1)).toThrow(failing('ERR_DECODE_RESERVED'));
    expect(() => reader(0).zeros(2)).toThrow(failing('ERR_DECODE_TRUNCATED'));
  });

  test('rejects trailing bytes', () => {
    const r = reader(1, 2);
    r.u8();
    expect(() => r.end()).toThrow(failing('ERR_DECODE_TRAILING'));
  });

  test('reports the path of nested fields and the offset', () => {
    const r = reader(1);
    r.field('head', (f) => f.u8());
    expect(() => r.field('body', (f) => f.field('size', (g) => g.u16()))).toThrow(
      expect.objectContaining({ path: ['T', 'body', 'size'], offset: 1 }),
    );
  });

  test('leaves the path of a field after it is read', () => {
    const r = reader(1);
    expect(r.field('a', (f) => f.u8())).toBe(1);
    expect(() => r.u8()).toThrow(expect.objectContaining({ path: ['T'] }));
  });

  test('every proper prefix of a structure is rejected as truncated', () => {
    const decode = (bytes: Uint8Array): void => {
      const r = new ByteReader(bytes, 'T');
      r.u8();
      r.u16();
      r.u32();
      r.u64();
      r.sized16(100);
      r.sized32(100);
      r.end();
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
        const whole = new ByteWriter().u8(1).u16(2).u32(3).u64(4n).sized16(a).sized32(b).finish();
        decode(whole);
        for (let length = 0; length < whole.length; length++) {
          expect(() => decode(whole.subarray(0, length))).toThrow(failing('ERR_DECODE_TRUNCATED'));
        }
      }),
      { numRuns: 20 },
    );
  });
});

test('the message of a DecodeError has the path, the offset and the fault', () => {
  const error = new DecodeError('ERR_DECODE_VALUE', 'no such type', {
    path: ['TPMS_ATTEST', 'type'],
    offset: 10,
  });
  expect(error.message).toBe('TPMS_ATTEST.type@0xa: no such type');
});
