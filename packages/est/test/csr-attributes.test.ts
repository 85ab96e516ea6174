import { fromBase64, toBase64, toHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { der, derOid, derSequence, derSet } from '../src/der-writer.ts';
import { AttributeOid, decodeCsrAttributes, encodeCsrAttributes } from '../src/index.ts';

/** The example of RFC 7030, section 4.5.2. */
const EXAMPLE = fromBase64(
  'MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw==',
);
const attributes = [
  { oid: AttributeOid.challengePassword },
  { oid: '1.2.840.10045.2.1', values: [derOid('1.3.132.0.34')] },
  { oid: AttributeOid.extensionRequest, values: [derOid('1.3.6.1.1.1.1.22')] },
  { oid: '1.2.840.10045.4.3.3' },
];

describe('CSR attributes', () => {
  test('are read and written as in the example of the standard', () => {
    expect(decodeCsrAttributes(EXAMPLE)).toEqual(attributes);
    expect(toBase64(encodeCsrAttributes(attributes))).toBe(toBase64(EXAMPLE));
  });

  test('may be none, and attributes may have no values', () => {
    expect(decodeCsrAttributes(encodeCsrAttributes([]))).toEqual([]);
    const empty = [{ oid: '1.2.3', values: [] }];
    expect(decodeCsrAttributes(encodeCsrAttributes(empty))).toEqual(empty);
  });

  test('are owned by the caller', () => {
    const bytes = Buffer.from(EXAMPLE);
    const decoded = decodeCsrAttributes(bytes);
    bytes.fill(0);
    expect(toHex(decoded[1]?.values?.[0] ?? new Uint8Array())).toBe(toHex(derOid('1.3.132.0.34')));
  });

  test.each<[string, string, Uint8Array]>([
    ['something else', 'ERR_DECODE_TYPE', derSet()],
    ['another kind of entry', 'ERR_DECODE_TYPE', derSequence(derSet())],
    ['trailing bytes', 'ERR_DECODE_TRAILING', Uint8Array.of(...derSequence(), 0)],
    [
      'too many entries',
      'ERR_DECODE_LIMIT',
      derSequence(...new Array<Uint8Array>(65).fill(derOid('1.2.3'))),
    ],
    [
      'too many values',
      'ERR_DECODE_LIMIT',
      derSequence(
        derSequence(derOid('1.2.3'), derSet(...new Array<Uint8Array>(65).fill(derSet()))),
      ),
    ],
    ['too many bytes', 'ERR_DECODE_LIMIT', der(0x30, new Uint8Array(70_000))],
  ])('are refused when there is %s', (_name, code, bytes) => {
    expect(() => decodeCsrAttributes(bytes)).toThrow(expect.objectContaining({ code }));
  });

  test('every proper prefix is refused', () => {
    for (const prefix of prefixes(EXAMPLE)) {
      expect(() => decodeCsrAttributes(prefix)).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_TRUNCATED' }),
      );
    }
  });
});
