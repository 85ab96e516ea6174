import { concatBytes, fromHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { parseSnpCertificateTable } from '../../src/snp/index.ts';

const VCEK = '63da758d-e664-4564-adc5-f4b93be8accd';
const OTHER = '00112233-4455-6677-8899-aabbccddeeff';

function header(guid: string, offset: number, length: number): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, offset, true);
  numbers.setUint32(4, length, true);
  return concatBytes(fromHex(guid.replaceAll('-', '')), new Uint8Array(numbers.buffer));
}
const end = new Uint8Array(24);
const data = Uint8Array.of(1, 2, 3, 4, 5);
const table = concatBytes(header(VCEK, 72, 3), header(OTHER, 75, 2), end, data);

test('gives the entries with their data, known ones with their kind', () => {
  expect(parseSnpCertificateTable(table)).toEqual([
    { guid: VCEK, kind: 'VCEK', data: Uint8Array.of(1, 2, 3) },
    { guid: OTHER, data: Uint8Array.of(4, 5) },
  ]);
  expect(parseSnpCertificateTable(end)).toEqual([]);
});

test('rejects every proper prefix', () => {
  for (const prefix of prefixes(table)) {
    expect(() => parseSnpCertificateTable(prefix)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_TRUNCATED' }),
    );
  }
});

test.each([
  ['data inside of the headers', concatBytes(header(VCEK, 47, 1), end), 'ERR_DECODE_TRUNCATED'],
  ['data behind the table', concatBytes(header(VCEK, 48, 1), end), 'ERR_DECODE_TRUNCATED'],
  ['lengths that overflow', concatBytes(header(VCEK, 48, 0xffffffff), end), 'ERR_DECODE_TRUNCATED'],
  [
    'a GUID twice',
    concatBytes(header(VCEK, 72, 0), header(VCEK, 72, 0), end),
    'ERR_DECODE_DUPLICATE',
  ],
  ['too many entries', new Uint8Array(24 * 40).fill(1), 'ERR_DECODE_LIMIT'],
  ['a table that is too long', new Uint8Array(262_145), 'ERR_DECODE_LIMIT'],
])('rejects %s', (_, bytes, code) => {
  expect(() => parseSnpCertificateTable(bytes)).toThrow(expect.objectContaining({ code }));
});
