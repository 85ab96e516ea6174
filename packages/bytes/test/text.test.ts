import {
  decodeUtf8,
  encodeUtf8,
  fromBase64,
  fromBase64url,
  fromHex,
  toBase64,
  toBase64url,
  toHex,
} from '@cmc/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const failing = (code: string) => expect.objectContaining({ name: 'DecodeError', code });
const anyBytes = fc.uint8Array({ maxLength: 300 });

describe('hex', () => {
  test('is lower case, of every byte', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(toHex(all)).toBe(Buffer.from(all).toString('hex'));
    expect(fromHex(toHex(all))).toEqual(all);
  });

  test('of either case is read', () => {
    expect(fromHex('aBCdeF09')).toEqual(Uint8Array.of(0xab, 0xcd, 0xef, 0x09));
    expect(fromHex('')).toEqual(new Uint8Array());
  });

  test.each([
    ['abc', 3],
    ['0g', 1],
    ['g0', 0],
    ['00 1', 2],
    ['0x', 1],
    ['\u0660\u0660', 0],
    ['//', 0],
    ['::', 0],
    ['@@', 0],
    ['``', 0],
  ])('%s is rejected with its offset', (text, offset) => {
    expect(() => fromHex(text, 'digest')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT', path: ['digest'], offset }),
    );
  });
});

describe('base64', () => {
  // RFC 4648, section 10.
  test.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('of %j is %s', (text, base64) => {
    expect(toBase64(encodeUtf8(text))).toBe(base64);
    expect(fromBase64(base64)).toEqual(encodeUtf8(text));
    expect(toBase64url(encodeUtf8(text))).toBe(base64.replaceAll('=', ''));
    expect(fromBase64url(base64.replaceAll('=', ''))).toEqual(encodeUtf8(text));
  });

  test('is what Buffer makes of any bytes, and is read back', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(toBase64url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
        expect(fromBase64(toBase64(bytes))).toEqual(bytes);
        expect(fromBase64url(toBase64url(bytes))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('of a view is of the view alone', () => {
    expect(toBase64(Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 3))).toBe('AgM=');
  });

  test('has one text for one byte string: all others are rejected', () => {
    const alphabet = [...'ABCQgw19+/-_= \n'];
    const spelling = fc.array(fc.constantFrom(...alphabet), { maxLength: 9 });
    fc.assert(
      fc.property(spelling, (digits) => {
        const text = digits.join('');
        for (const [decode, encode] of [
          [fromBase64, toBase64],
          [fromBase64url, toBase64url],
        ] as const) {
          try {
            expect(encode(decode(text))).toBe(text);
          } catch (error) {
            expect(error).toMatchObject({ name: 'DecodeError', code: 'ERR_DECODE_FORMAT' });
          }
        }
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    ['no padding', 'Zg'],
    ['half the padding', 'Zg='],
    ['too much padding', 'Zm9v===='],
    ['padding alone', '===='],
    ['padding in the middle', 'Zg==Zg=='],
    ['padding before digits', '=Zg='],
    ['digits of base64url', 'a-_b'],
    ['a line break', 'Zm9v\n'],
    ['a space', 'Zm 9'],
    ['unused bits that are not zero, two digits', 'Zh=='],
    ['unused bits that are not zero, three digits', 'Zm9='],
    ['characters outside ASCII', 'Zm9\u0161'],
    ['characters outside Latin-1', '\u4e00\u4e00\u4e00\u4e00'],
    ['NUL', 'Zm9\u0000'],
  ])('with %s is rejected', (_, text) => {
    expect(() => fromBase64(text, 'certificate')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT', path: ['certificate'] }),
    );
  });

  test.each([
    ['padding', 'Zg=='],
    ['digits of standard base64', 'a+/b'],
    ['a length that no bytes have', 'Zm9vY'],
    ['unused bits that are not zero, two digits', 'Zh'],
    ['unused bits that are not zero, three digits', 'Zm9'],
    ['white space', 'Zm9v '],
    ['characters outside ASCII', 'Zm9\u0161'],
  ])('for URLs with %s is rejected', (_, text) => {
    expect(() => fromBase64url(text)).toThrow(failing('ERR_DECODE_FORMAT'));
  });

  test('is rejected with the offset of the first character that is no digit', () => {
    expect(() => fromBase64('AAAA?AA?')).toThrow(expect.objectContaining({ offset: 4 }));
  });
});

describe('UTF-8', () => {
  test('keeps every character, a leading byte order mark too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf))).toBe('\ufeff');
  });

  test.each(['ff', 'c328', 'c080', 'eda080', 'f4908080', 'e282'])('rejects %s', (hex) => {
    expect(() => decodeUtf8(fromHex(hex), 'name')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT', path: ['name'] }),
    );
  });
});
