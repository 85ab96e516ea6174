import { ByteReader, ByteWriter, type Endianness, toHex } from '@cmc/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

describe('ByteWriter', () => {
  test('writes big-endian integers', () => {
    const writer = new ByteWriter().u8(1).u16(0x0203).u32(0x0405_0607).u64(0xfffe_fdfc_fbfa_f9f8n);
    expect(toHex(writer.finish())).toBe('01020304050607fffefdfcfbfaf9f8');
    expect(writer.length).toBe(15);
  });

  test('writes little-endian integers', () => {
    const writer = new ByteWriter('little').u16(0x0203).u32(0x0405_0607).u64(1n);
    expect(toHex(writer.finish())).toBe('0302070605040100000000000000');
  });

  test('writes sized fields', () => {
    const bytes = Uint8Array.of(7, 8);
    expect(toHex(new ByteWriter().sized16(bytes).sized32(bytes).finish())).toBe(
      '00020708000000020708',
    );
  });

  test.each([
    ['u8', 0x100],
    ['u8', -1],
    ['u8', 0.5],
    ['u16', 0x1_0000],
    ['u16', Number.NaN],
    ['u32', 0x1_0000_0000],
    ['u32', -1],
  ] as const)('%s refuses %s', (method, value) => {
    const writer = new ByteWriter();
    expect(() => writer[method](value)).toThrow(RangeError);
    expect(writer.length).toBe(0);
  });

  test.each([-1n, 2n ** 64n])('u64 refuses %s', (value) => {
    expect(() => new ByteWriter().u64(value)).toThrow(RangeError);
  });

  test('refuses a sized field longer than its size can say', () => {
    expect(() => new ByteWriter().sized16(new Uint8Array(0x1_0000))).toThrow(RangeError);
  });

  test('finish gives a copy', () => {
    const writer = new ByteWriter().u8(1);
    const first = writer.finish();
    writer.u8(2);
    expect(first).toEqual(Uint8Array.of(1));
    expect(writer.finish()).toEqual(Uint8Array.of(1, 2));
  });

  // A write that makes the buffer grow must go to the new one.
  test.each([1, 2, 4, 8])('an integer of %i bytes may be what makes the buffer grow', (size) => {
    for (let before = 240; before <= 260; before++) {
      const writer = new ByteWriter().bytes(new Uint8Array(before).fill(0xaa));
      if (size === 1) writer.u8(0x11);
      else if (size === 2) writer.u16(0x1111);
      else if (size === 4) writer.u32(0x1111_1111);
      else writer.u64(0x1111_1111_1111_1111n);
      expect(toHex(writer.finish())).toBe('aa'.repeat(before) + '11'.repeat(size));
    }
  });

  test('ByteReader reads back whatever was written', () => {
    const part = fc.oneof(
      fc.record({ as: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
      fc.record({ as: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
      fc.record({
        as: fc.constant('u32' as const),
        value: fc.integer({ min: 0, max: 0xffff_ffff }),
      }),
      fc.record({
        as: fc.constant('u64' as const),
        value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      }),
      fc.record({ as: fc.constant('sized16' as const), value: fc.uint8Array({ maxLength: 600 }) }),
      fc.record({ as: fc.constant('sized32' as const), value: fc.uint8Array({ maxLength: 600 }) }),
    );
    const order = fc.constantFrom<Endianness>('big', 'little');
    fc.assert(
      fc.property(order, fc.array(part, { maxLength: 100 }), (endianness, parts) => {
        const writer = new ByteWriter(endianness);
        for (const { as, value } of parts) writer[as](value as never);
        const reader = new ByteReader(writer.finish(), 'parts', endianness);
        for (const { as, value } of parts) expect(reader[as](1000)).toEqual(value);
        reader.end();
      }),
    );
  });
});
