import { concatBytes, decodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { createFakeCa, flipEachByte, prefixes } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { der, derOid, derSequence, derSet, derSmallInteger } from '../src/der-writer.ts';
import { decodeCertsOnly, encodeCertsOnly, MAX_CERTIFICATES } from '../src/index.ts';
import { openssl } from './openssl.ts';
import { vectorBytes, vectorCertificates } from './vectors.ts';

const message = vectorBytes('certsOnly', 'message');
const [second = new Uint8Array(), first = new Uint8Array()] = vectorCertificates();
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const DATA = '1.2.840.113549.1.7.1';

/** Signed data whose parts can be replaced. */
function signedData(
  over: Partial<
    Record<
      'type' | 'version' | 'digests' | 'content' | 'certificates' | 'crls' | 'signers' | 'rest',
      Uint8Array
    >
  >,
): Uint8Array {
  const none = new Uint8Array();
  return concatBytes(
    derSequence(
      over.type ?? derOid(SIGNED_DATA),
      der(
        0xa0,
        derSequence(
          over.version ?? derSmallInteger(1),
          over.digests ?? derSet(),
          over.content ?? derSequence(derOid(DATA)),
          over.certificates ?? der(0xa0, first),
          over.crls ?? none,
          over.signers ?? derSet(),
        ),
      ),
    ),
    over.rest ?? none,
  );
}

describe('certs-only messages', () => {
  test('are read and written like those of the Go implementation, in the same order', () => {
    expect(decodeCertsOnly(message).map((c) => toHex(c.raw))).toEqual([second, first].map(toHex));
    expect(decodeCertsOnly(message).map((c) => c.subject)).toEqual(['CN=second', 'CN=first']);
    expect(toHex(encodeCertsOnly([second, first]))).toBe(toHex(message));
  });

  test('are read by openssl', async () => {
    const ca = await createFakeCa();
    const { chain } = await ca.issue({ commonName: 'leaf' });
    const text = openssl(['pkcs7', '-inform', 'DER', '-in', 'p7', '-print_certs', '-noout'], {
      p7: encodeCertsOnly(chain),
    });
    expect(decodeUtf8(text)).toMatch(/subject=.*leaf/);
    expect(decodeUtf8(text).match(/subject=/g)).toHaveLength(chain.length);
  });

  test('of openssl are read, with the empty list of revocations in them', async () => {
    const ca = await createFakeCa();
    const issued = await ca.issue({ commonName: 'leaf' });
    const pem = `${issued.certificatePem}${ca.pem}`;
    const args = ['crl2pkcs7', '-nocrl', '-certfile', 'pem', '-outform', 'DER'];
    const certificates = decodeCertsOnly(openssl(args, { pem }));
    expect(certificates.map((c) => toHex(c.raw))).toEqual(
      [issued.certificate, ca.certificate].map(toHex),
    );
  });

  test('may have revocation lists, which are skipped', () => {
    expect(decodeCertsOnly(signedData({ crls: der(0xa1, derSequence()) }))).toHaveLength(1);
  });

  test.each<[string, string, Parameters<typeof signedData>[0]]>([
    ['another content type', 'ERR_DECODE_VALUE', { type: derOid(DATA) }],
    [
      'another inner content type',
      'ERR_DECODE_VALUE',
      { content: derSequence(derOid(SIGNED_DATA)) },
    ],
    ['content', 'ERR_DECODE_TRAILING', { content: derSequence(derOid(DATA), der(0xa0)) }],
    ['digest algorithms', 'ERR_DECODE_TRAILING', { digests: derSet(derSequence()) }],
    ['signers', 'ERR_DECODE_TRAILING', { signers: derSet(derSequence()) }],
    ['no certificates', 'ERR_DECODE_TYPE', { certificates: new Uint8Array() }],
    ['an empty list of certificates', 'ERR_DECODE_TRUNCATED', { certificates: der(0xa0) }],
    ['an attribute certificate', 'ERR_DECODE_TYPE', { certificates: der(0xa0, der(0xa1)) }],
    ['an unknown version', 'ERR_DECODE_VALUE', { version: derSmallInteger(6) }],
    ['trailing bytes', 'ERR_DECODE_TRAILING', { rest: Uint8Array.of(0) }],
    [
      'too many certificates',
      'ERR_DECODE_LIMIT',
      { certificates: der(0xa0, ...Array.from({ length: MAX_CERTIFICATES + 1 }, () => first)) },
    ],
  ])('are refused with %s', (_name, code, over) => {
    expect(decodeCertsOnly(signedData({}))).toHaveLength(1);
    expect(() => decodeCertsOnly(signedData(over))).toThrow(expect.objectContaining({ code }));
  });

  test('are refused in BER with indefinite lengths, and when much too long', () => {
    expect(() => decodeCertsOnly(fromHex('308006092a864886f70d0107020000'))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_NON_CANONICAL' }),
    );
    expect(() => decodeCertsOnly(new Uint8Array(1 << 22))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }),
    );
  });

  test('every proper prefix is refused', () => {
    for (const prefix of prefixes(message)) {
      expect(() => decodeCertsOnly(prefix)).toThrow(
        expect.objectContaining({ name: 'DecodeError' }),
      );
    }
  });

  test('a flipped byte is refused, but in the certificates and the version, which says nothing', () => {
    const start = toHex(message).indexOf(toHex(second)) / 2;
    const end = start + second.length + first.length;
    const version = toHex(message).indexOf('020101') / 2 + 2;
    for (const { bytes, offset } of flipEachByte(message)) {
      if ((offset >= start && offset < end) || offset === version) continue;
      expect(() => decodeCertsOnly(bytes)).toThrow(
        expect.objectContaining({ name: 'DecodeError' }),
      );
    }
  });
});
