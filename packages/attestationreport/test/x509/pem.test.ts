import { createFakeCa, createFakeKeySync, spkiOf, toPem } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  encodePem,
  MAX_PEM_BLOCKS,
  parsePemBlocks,
  parsePemCertificates,
  parsePemPublicKey,
} from '../../src/x509/index.ts';

const ca = createFakeCa({ commonName: 'root' });
const spki = spkiOf(createFakeKeySync());

describe('parsePemBlocks', () => {
  test('gives what blocks with the label hold, and refuses other blocks', () => {
    const text = toPem(Uint8Array.of(1), 'X509 CRL') + toPem(Uint8Array.of(2), 'X509 CRL');
    expect(parsePemBlocks(text, 'X509 CRL')).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(() => parsePemBlocks(text + ca.pem, 'X509 CRL')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_TYPE' }),
    );
  });
});

describe('parsePemCertificates', () => {
  test('reads certificates in order, with text around them and either line end', () => {
    const other = createFakeCa({ commonName: 'other' });
    const text = `subject: root\n${ca.pem}\nsubject: other\n${other.pem.replaceAll('\n', '\r\n')}end`;
    expect(parsePemCertificates(text).map(({ subject }) => subject)).toEqual([
      'CN=root',
      'CN=other',
    ]);
  });

  test.each([
    ['no block', 'nothing', 'ERR_DECODE_MISSING'],
    ['an empty text', '', 'ERR_DECODE_MISSING'],
    ['a private key', toPem(Uint8Array.of(1), 'PRIVATE KEY'), 'ERR_DECODE_TYPE'],
    [
      'a certificate and a private key',
      ca.pem + toPem(Uint8Array.of(1), 'PRIVATE KEY'),
      'ERR_DECODE_TYPE',
    ],
    ['a block without end', ca.pem.slice(0, -30), 'ERR_DECODE_TRUNCATED'],
    ['another end', ca.pem.replace('END CERTIFICATE', 'END CERTIFICATES'), 'ERR_DECODE_TRUNCATED'],
    ['a foreign character', ca.pem.replace('\nMII', '\n*II'), 'ERR_DECODE_FORMAT'],
    ['an empty block', toPem(new Uint8Array()), 'ERR_DECODE_TRUNCATED'],
  ])('rejects %s', (_, text, code) => {
    expect(() => parsePemCertificates(text)).toThrow(expect.objectContaining({ code }));
  });

  test('rejects more blocks than anybody needs', () => {
    expect(() =>
      parsePemPublicKey(encodePem(spki, 'PUBLIC KEY').repeat(MAX_PEM_BLOCKS + 1)),
    ).toThrow(expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }));
  });

  test('takes linear time on a text of nothing but beginnings', () => {
    const start = performance.now();
    expect(() => parsePemCertificates('-----BEGIN CERTIFICATE-----'.repeat(100_000))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_TRUNCATED' }),
    );
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('parsePemPublicKey', () => {
  test('gives the SubjectPublicKeyInfo', () => {
    expect(parsePemPublicKey(encodePem(spki, 'PUBLIC KEY'))).toEqual(spki);
  });

  test.each([
    ['two keys', encodePem(spki, 'PUBLIC KEY').repeat(2)],
    ['a certificate', ca.pem],
    ['something that is no key', encodePem(Uint8Array.of(0x30, 0), 'PUBLIC KEY')],
    ['nothing', ''],
  ])('rejects %s', (_, text) => {
    expect(() => parsePemPublicKey(text)).toThrow(expect.objectContaining({ name: 'DecodeError' }));
  });
});

test('encodePem writes lines of 64 characters', () => {
  const text = encodePem(ca.certificate, 'CERTIFICATE');
  expect(text).toBe(ca.pem);
  expect(text.split('\n')[1]).toHaveLength(64);
});
