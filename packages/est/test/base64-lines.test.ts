import { decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64Lines, encodeBase64Lines } from '../src/index.ts';
import { vectorBytes, vectorText } from './vectors.ts';

describe('base64 lines', () => {
  test('are those of the Go implementation', () => {
    const message = vectorBytes('certsOnly', 'message');
    expect(decodeUtf8(encodeBase64Lines(message))).toBe(vectorText('certsOnly', 'base64'));
    expect(decodeBase64Lines(encodeUtf8(vectorText('certsOnly', 'base64')))).toStrictEqual(message);
  });

  test('property: what is encoded decodes to the same bytes, in lines of at most 76 characters', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        const lines = encodeBase64Lines(bytes);
        expect(decodeBase64Lines(lines)).toStrictEqual(bytes);
        const [last, ...others] = decodeUtf8(lines).split('\r\n').toReversed();
        expect(last).toBe('');
        expect(others.slice(1).every((line) => line.length === 76)).toBe(true);
        expect((others[0] ?? 'x').length).toBeGreaterThan(0);
      }),
    );
  });

  test('may break anywhere or nowhere', () => {
    for (const text of ['AQID', 'A\nQ\r\nID\r\n\r\n', '\r\nAQID']) {
      expect(decodeBase64Lines(encodeUtf8(text))).toStrictEqual(Uint8Array.of(1, 2, 3));
    }
    expect(decodeBase64Lines(new Uint8Array())).toStrictEqual(new Uint8Array());
  });

  test.each(['AQI', 'AQ==AQ==', 'AQJ=', 'AQ ID', 'AQ\tID', 'AQ-_', 'AQI\u00a0', '=', 'AQID='])(
    'refuses %j',
    (text) => {
      expect(() => decodeBase64Lines(encodeUtf8(text))).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_FORMAT' }),
      );
    },
  );
});
