import { encodeUtf8 } from '@cmc/bytes';
import { createFakeCa, encodeFakeCrl, toPem } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { parseRevocationLists } from '../../src/snp/index.ts';
import { parsePemOrDer } from '../../src/x509/index.ts';

const ONE = Uint8Array.of(0x30, 1, 1);
const TWO = Uint8Array.of(0x30, 1, 2);

describe('parsePemOrDer', () => {
  test('gives what all blocks hold, whatever text is around them, or the whole file', () => {
    const pem = toPem(ONE, 'X') + toPem(TWO, 'X');
    expect(parsePemOrDer(encodeUtf8(`0 comment\n${pem}`), 'X')).toEqual([ONE, TWO]);
    expect(parsePemOrDer(ONE, 'X')).toEqual([ONE]);
    const notText = Uint8Array.of(0x30, 1, 0xff);
    expect(parsePemOrDer(notText, 'X')).toEqual([notText]);
  });

  test('takes the first label that is there, and no block with another one', () => {
    const read = (text: string): readonly Uint8Array[] => parsePemOrDer(encodeUtf8(text), 'A', 'B');
    expect(read(toPem(ONE, 'B'))).toEqual([ONE]);
    expect(read(toPem(ONE, 'A'))).toEqual([ONE]);
    for (const text of [toPem(ONE, 'B') + toPem(TWO, 'A'), toPem(ONE, 'C')]) {
      expect(() => read(text)).toThrow(expect.objectContaining({ code: 'ERR_DECODE_TYPE' }));
    }
  });
});

describe('parseRevocationLists', () => {
  const { key } = createFakeCa();
  const list = encodeFakeCrl({
    issuer: { commonName: 'ARK-Milan' },
    key,
    thisUpdate: new Date('2026-01-01T00:00:00Z'),
    nextUpdate: new Date('2027-01-01T00:00:00Z'),
  });

  test('gives the lists of PEM or DER, with their bytes', () => {
    const pem = toPem(list, 'X509 CRL');
    expect(parseRevocationLists(list).map(({ raw }) => raw)).toEqual([list]);
    expect(parseRevocationLists(encodeUtf8(pem + pem)).map(({ raw }) => raw)).toEqual([list, list]);
  });

  test.each([
    ['nothing', ''],
    ['another label', toPem(list, 'CERTIFICATE')],
    ['a list that is cut off', toPem(list.subarray(0, -1), 'X509 CRL')],
  ])('rejects %s', (_, text) => {
    expect(() => parseRevocationLists(encodeUtf8(text))).toThrow(
      expect.objectContaining({ name: 'DecodeError' }),
    );
  });
});
