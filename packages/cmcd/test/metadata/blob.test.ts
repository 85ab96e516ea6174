import { encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitBlob } from '../../src/metadata/blob.ts';

function texts(blob: Uint8Array): string[] {
  return splitBlob(blob).map((item) => new TextDecoder().decode(item));
}

describe('splitBlob', () => {
  test('gives JSON objects as they stand, whatever is in their texts', () => {
    const objects = ['{"a":"}{\\"[","b":[{}]}', '{}', '["x"]', '{"ü":"\\\\"}'];
    expect(texts(encodeUtf8(`${objects.join('\n ')}\n`))).toStrictEqual(objects);
  });

  test('gives CBOR items as they stand', () => {
    const items = [
      'd8628440a041618143010203',
      'a10102',
      '1a00010000',
      '820120',
      'fb3ff0000000000000',
    ];
    expect(splitBlob(fromHex(items.join(''))).map(toHex)).toStrictEqual(items);
  });

  test('drops the zero bytes that pad a block device', () => {
    expect(texts(encodeUtf8(`{"a":1}\n${'\0'.repeat(512)}`))).toStrictEqual(['{"a":1}']);
    expect(splitBlob(fromHex('a1010200000000')).map(toHex)).toStrictEqual(['a10102']);
    expect(splitBlob(fromHex('a10142010000000000')).map(toHex)).toStrictEqual(['a101420100']);
  });

  test.each([
    ['nothing', ''],
    ['zero bytes only', '\0\0\0'],
    ['an object that does not end', '{"a":1'],
    ['a text that does not end', '{"a":"b}'],
    ['something between objects', '{"a":1},{"b":2}'],
    ['something after the last object', '{"a":1}}'],
  ])('refuses %s', (_, text) => {
    expect(() => splitBlob(encodeUtf8(text))).toThrow(
      expect.objectContaining({ code: 'ERR_METADATA_FORMAT' }),
    );
  });

  test.each([
    ['a string longer than the input', '5a7fffffff00'],
    ['an array longer than the input', '9b7fffffffffffffff01'],
    ['a map whose size is not exact in floating point', 'bbffffffffffffffff'],
    ['an item without length', '9f01ff'],
    ['a reserved head', '1c'],
    ['a head that is cut off', '1a0001'],
    ['a tag without content', 'd862'],
  ])('refuses %s without following it', (_, hex) => {
    expect(() => splitBlob(fromHex(hex))).toThrow(
      expect.objectContaining({ code: 'ERR_METADATA_FORMAT' }),
    );
  });

  test('property: either splits all bytes or throws a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          const items = splitBlob(bytes);
          if (bytes[0] === 0x7b || bytes[0] === 0x5b) return;
          const length = items.reduce((sum, item) => sum + item.length, 0);
          expect(items.map(toHex).join('')).toBe(toHex(bytes.subarray(0, length)));
          expect(bytes.subarray(length).every((byte) => byte === 0)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_METADATA_FORMAT' });
        }
      }),
      { numRuns: 3000 },
    );
  });
});
