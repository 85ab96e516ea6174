import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { concatBytes, encodeUtf8, toHex } from '@cmc/bytes';
import {
  createFakeCa,
  der,
  derBoolean,
  derInteger,
  derNull,
  derSequence,
  type IssueOptions,
  prefixes,
  vectorsDir,
} from '@cmc/testkit';
import * as pkijs from 'pkijs';
import { beforeAll, describe, expect, test } from 'vitest';
import { DerReader } from '../../src/crypto/index.ts';
import {
  extractCertificate,
  fingerprint,
  MAX_CERTIFICATE_BYTES,
  parseCertificate,
} from '../../src/x509/index.ts';
import { readTime } from '../../src/x509/time.ts';

const ca = createFakeCa({ commonName: 'root' });
let good: Uint8Array;

beforeAll(async () => {
  good = (await ca.issue({ commonName: 'leaf' })).certificate;
});

describe('parseCertificate', () => {
  test('gives what is in a certificate', async () => {
    const { certificate, key } = await ca.issue({
      commonName: 'leaf, "really"',
      subject: { country: 'DE', organization: 'Örg', organizationalUnit: 'a+b' },
      serialNumber: Uint8Array.of(0x00, 0x80),
      notBefore: new Date('1999-12-31T23:59:59Z'),
      notAfter: new Date('2051-02-28T01:02:03Z'),
      keyUsage: ['digitalSignature', 'decipherOnly'],
      extendedKeyUsage: ['codeSigning', '1.2.3.4'],
      dnsNames: ['a.example'],
      emailAddresses: ['a@a.example'],
      ipAddresses: ['192.0.2.1'],
      uris: ['https://a.example/'],
    });
    const parsed = parseCertificate(certificate);
    expect(parsed).toMatchObject({
      version: 3,
      serialNumber: Uint8Array.of(0x00, 0x80),
      issuer: 'CN=root',
      subject: 'CN=leaf\\, \\"really\\",OU=a\\+b,O=Örg,C=DE',
      notBefore: new Date('1999-12-31T23:59:59Z'),
      notAfter: new Date('2051-02-28T01:02:03Z'),
      keyUsage: ['digitalSignature', 'decipherOnly'],
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.3', '1.2.3.4'],
      signatureAlgorithm: { name: 'ECDSA-SHA256', algorithm: 'ECDSA-SHA256' },
      publicKeyAlgorithm: '1.2.840.10045.2.1',
      subjectAlternativeName: {
        dnsNames: ['a.example'],
        emailAddresses: ['a@a.example'],
        ipAddresses: [Uint8Array.of(192, 0, 2, 1)],
        uris: ['https://a.example/'],
      },
    });
    expect(parsed.basicConstraints).toBeUndefined();
    expect(toHex(parsed.raw)).toBe(toHex(certificate));
    const spki = key.publicKey.export({ type: 'spki', format: 'der' });
    expect(toHex(parsed.spki)).toBe(spki.toString('hex'));
    expect(parseCertificate(ca.certificate).basicConstraints).toEqual({ isCa: true });
  });

  test('keeps a copy of the bytes', () => {
    const bytes = good.slice();
    const parsed = parseCertificate(bytes);
    bytes.fill(0);
    expect(parsed.raw).toEqual(good);
    expect(parsed.tbs[0]).toBe(0x30);
  });

  test('rejects trailing bytes with a path and an offset', () => {
    expect(() => parseCertificate(concatBytes(good, Uint8Array.of(0)))).toThrow(
      expect.objectContaining({
        code: 'ERR_DECODE_TRAILING',
        path: ['Certificate'],
        offset: good.length,
      }),
    );
  });

  test('rejects every proper prefix', () => {
    for (const prefix of prefixes(good)) {
      expect(() => parseCertificate(prefix)).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_TRUNCATED' }),
      );
    }
  });

  test('rejects more bytes than any certificate has before it looks at them', () => {
    expect(() => parseCertificate(new Uint8Array(MAX_CERTIFICATE_BYTES + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }),
    );
  });

  const extension = (oid: string, value: Uint8Array): IssueOptions => ({
    keyUsage: false,
    keyIdentifiers: false,
    extensions: [{ oid, value }],
  });
  test.each([
    [
      'an extension twice',
      { extensions: [{ oid: '2.5.29.35', value: derSequence() }] },
      'ERR_DECODE_DUPLICATE',
    ],
    [
      'basic constraints with junk behind',
      extension('2.5.29.19', concatBytes(derSequence(), derNull())),
      'ERR_DECODE_TRAILING',
    ],
    [
      'a negative path length',
      extension('2.5.29.19', derSequence(derBoolean(true), derInteger(Uint8Array.of(0xff)))),
      'ERR_DECODE_VALUE',
    ],
    [
      'a path length of 256',
      extension('2.5.29.19', derSequence(derBoolean(true), derInteger(256))),
      'ERR_DECODE_VALUE',
    ],
    [
      'a key usage of three bytes',
      extension('2.5.29.15', der(0x03, Uint8Array.of(0, 1, 2, 3))),
      'ERR_DECODE_VALUE',
    ],
    ['a key usage without content', extension('2.5.29.15', der(0x03)), 'ERR_DECODE_VALUE'],
    ['an empty extended key usage', extension('2.5.29.37', derSequence()), 'ERR_DECODE_TRUNCATED'],
    ['a key identifier that is no string', extension('2.5.29.14', derNull()), 'ERR_DECODE_TYPE'],
    [
      'an IP address of five bytes',
      extension('2.5.29.17', derSequence(der(0x87, new Uint8Array(5)))),
      'ERR_DECODE_VALUE',
    ],
    [
      'a DNS name that is not ASCII',
      extension('2.5.29.17', derSequence(der(0x82, encodeUtf8('ü')))),
      'ERR_DECODE_VALUE',
    ],
    ['another algorithm inside', { innerSignature: 'SHA-384' }, 'ERR_DECODE_VALUE'],
    [
      'a serial number with padding',
      { serialNumber: Uint8Array.of(0, 1) },
      'ERR_DECODE_NON_CANONICAL',
    ],
  ] satisfies [string, IssueOptions, string][])('rejects %s', async (_, options, code) => {
    const { certificate } = await ca.issue(options);
    expect(() => parseCertificate(certificate)).toThrow(expect.objectContaining({ code }));
  });

  test('rejects more than 64 extensions', async () => {
    const extensions = Array.from({ length: 64 }, (_, i) => ({
      oid: `1.2.3.${i}`,
      value: derNull(),
    }));
    const plain = { keyUsage: false, keyIdentifiers: false } as const;
    const most = await ca.issue({ ...plain, extensions });
    expect(parseCertificate(most.certificate).extensions).toHaveLength(64);
    const more = await ca.issue({
      ...plain,
      extensions: [...extensions, { oid: '1.2.4', value: derNull() }],
    });
    expect(() => parseCertificate(more.certificate)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }),
    );
  });

  test('reads an encoded default of critical, as some issuers write it', () => {
    const at = toHex(good).indexOf('0603551d0f0101ff');
    expect(at).toBeGreaterThan(0);
    const explicit = Buffer.from(
      toHex(good).replace('0603551d0f0101ff', '0603551d0f010100'),
      'hex',
    );
    const usage = parseCertificate(explicit).extensions.find(({ oid }) => oid === '2.5.29.15');
    expect(usage?.critical).toBe(false);
  });
});

describe('readTime', () => {
  const read = (tag: number, text: string): Date =>
    readTime(new DerReader(der(tag, encodeUtf8(text)), 'test'), 'time');

  test('turns two digits of a year into 1950 to 2049', () => {
    expect(read(0x17, '491231235959Z').toISOString()).toBe('2049-12-31T23:59:59.000Z');
    expect(read(0x17, '500101000000Z').toISOString()).toBe('1950-01-01T00:00:00.000Z');
    expect(read(0x18, '99991231235959Z').toISOString()).toBe('9999-12-31T23:59:59.000Z');
  });

  test.each([
    [0x17, '260230120000Z'],
    [0x17, '2601010000Z'],
    [0x17, '260101000000+0100'],
    [0x17, '260101240000Z'],
    [0x17, '20260101000000Z'],
    [0x18, '260101000000Z'],
    [0x18, '20260101000000.5Z'],
    [0x18, '20261301000000Z'],
    [0x18, ''],
  ])('rejects %d %s', (tag, text) => {
    expect(() => read(tag, text)).toThrow(expect.objectContaining({ code: 'ERR_DECODE_VALUE' }));
  });
});

describe('fingerprint', () => {
  test('is the SHA-256 digest, the same for equal certificates', () => {
    const expected = new X509Certificate(good).fingerprint256.replaceAll(':', '').toLowerCase();
    const parsed = parseCertificate(good);
    expect(fingerprint(parsed)).toBe(expected);
    expect(fingerprint(parsed)).toBe(expected);
    expect(fingerprint(parseCertificate(good))).toBe(expected);
  });
});

describe('certificates of hardware vendors', () => {
  const files = readdirSync(vectorsDir(), { recursive: true, encoding: 'utf8' })
    .filter((path) => ['.pem', '.crt', '.cer', '.der'].includes(extname(path)))
    .filter((path) => !/(^|[/\\])(ak[^/\\]*|keylime-signers.*)\.pem$/.test(path))
    // An attribute certificate, and one with 431 bytes behind it.
    .filter((path) => !/platform-intel-nuc1.platform|st-rsa-keylime-trailing/.test(path))
    .map((path) => join(vectorsDir(), path));

  const ders = files.flatMap((file) => {
    const bytes = readFileSync(file);
    const pems = bytes.toString('latin1').match(/-----BEGIN CERT.*?-----END CERTIFICATE-----/gs);
    return pems === null ? [new Uint8Array(bytes)] : pems.map(fromPem);
  });

  test('there are many of them', () => {
    expect(ders.length).toBeGreaterThan(150);
  });

  test('read the same as by node:crypto', () => {
    for (const bytes of ders) {
      const ours = parseCertificate(bytes);
      const theirs = new X509Certificate(bytes);
      expect(extractCertificate(ours).serialNumber).toBe(
        theirs.serialNumber.toLowerCase().replace(/^(-?)0+(?=.)/, '$1'),
      );
      expect(ours.notBefore).toEqual(new Date(theirs.validFrom));
      expect(ours.notAfter).toEqual(new Date(theirs.validTo));
      const maySign = ours.keyUsage?.includes('certSign') ?? true;
      // OpenSSL finds fault with the authority key identifier of one test CA, and calls it no CA.
      const isOdd = ours.subject === 'CN=NCU-NTC-KEYID-36104CE40BBCC1F40D84A4BBD50BE99024D957D4';
      expect((ours.basicConstraints?.isCa ?? false) && maySign).toBe(theirs.ca || isOdd);
      expect(ours.extendedKeyUsage).toEqual(theirs.keyUsage);
    }
  });

  test('read the same as by pkijs', () => {
    for (const bytes of ders.filter((_, index) => index % 4 === 0)) {
      const ours = parseCertificate(bytes);
      const theirs = pkijs.Certificate.fromBER(bytes);
      const hex = (buffer: ArrayBuffer): string => toHex(new Uint8Array(buffer));
      expect(toHex(ours.tbs)).toBe(toHex(theirs.tbsView));
      expect(toHex(ours.signature)).toBe(toHex(theirs.signatureValue.valueBlock.valueHexView));
      expect(toHex(ours.subjectName.raw)).toBe(hex(theirs.subject.toSchema().toBER()));
      expect(toHex(ours.issuerName.raw)).toBe(hex(theirs.issuer.toSchema().toBER()));
      expect(ours.signatureAlgorithm.oid).toBe(theirs.signatureAlgorithm.algorithmId);
      expect(
        ours.extensions.map(({ oid, critical, value }) => [oid, critical, toHex(value)]),
      ).toEqual(
        (theirs.extensions ?? []).map(({ extnID, critical, extnValue }) => [
          extnID,
          critical,
          toHex(extnValue.valueBlock.valueHexView),
        ]),
      );
    }
  });

  test('an attribute certificate and trailing bytes are refused', () => {
    const refused = ['ek/platform-intel-nuc1/platform.cer', 'ek/st-rsa-keylime-trailing/cert.der'];
    for (const path of refused) {
      const bytes = readFileSync(join(vectorsDir(), path));
      expect(() => parseCertificate(bytes)).toThrow(
        expect.objectContaining({ name: 'DecodeError' }),
      );
    }
  });
});

function fromPem(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64'));
}
