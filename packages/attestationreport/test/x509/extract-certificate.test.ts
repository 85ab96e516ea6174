import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toBase64, toHex } from '@cmc/bytes';
import { createFakeCa, type IssueOptions, vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import type { X509CertExtracted } from '../../src/types/result.ts';
import {
  extractCertificate,
  parseCertificate,
  parsePemCertificates,
} from '../../src/x509/index.ts';

interface SampleSignature {
  readonly certs: readonly (readonly { readonly serialNumber: string }[])[];
}

function vector(name: string): string {
  return readFileSync(join(vectorsDir(), 'report', name), 'utf8');
}

/** As it stands in JSON. */
function toJson(extracted: X509CertExtracted): unknown {
  return JSON.parse(
    JSON.stringify({
      ...extracted,
      pkixExtensions:
        extracted.pkixExtensions?.map(({ id, critical, value }) => ({
          id,
          critical,
          value: toBase64(value ?? new Uint8Array()),
        })) ?? null,
      subjectKeyId: toHex(extracted.subjectKeyId),
      authorityKeyId: extracted.authorityKeyId && toHex(extracted.authorityKeyId),
    }),
  );
}

async function extract(options: IssueOptions): Promise<X509CertExtracted> {
  const { certificate } = await createFakeCa().issue({ keyIdentifiers: false, ...options });
  return extractCertificate(parseCertificate(certificate));
}

describe('extractCertificate', () => {
  test('gives what the reference gives for the certificates of the sample report', () => {
    const { metadata } = JSON.parse(vector('attestation-result.json'));
    const results = [metadata.imageDescriptionResult, ...metadata.manifestResults];
    const signatures = results.flatMap((result) => result.signatureValidation as SampleSignature[]);
    const expected = new Map(
      signatures.flatMap(({ certs }) => certs.flat()).map((cert) => [cert.serialNumber, cert]),
    );
    const items = ['rtm.manifest', 'app.manifest', 'image.description'].flatMap((name) => {
      const jws = JSON.parse(vector(`${name}.jws.json`));
      return (jws.signatures ?? [jws]) as { readonly protected: string }[];
    });
    const ders = items.flatMap((item) => {
      const header = JSON.parse(Buffer.from(item.protected, 'base64url').toString());
      return (header.x5c as string[]).map((text) => new Uint8Array(Buffer.from(text, 'base64')));
    });
    const certificates = [...ders.map(parseCertificate), ...parsePemCertificates(vector('ca.pem'))];
    const extracted = new Map(
      certificates.map(extractCertificate).map((cert) => [cert.serialNumber, toJson(cert)]),
    );
    expect(extracted).toEqual(expected);
    expect(extracted.size).toBe(3);
  });

  test('spells everything as results do', async () => {
    const extracted = await extract({
      commonName: 'leaf',
      subject: {
        country: 'DE',
        organization: 'Org',
        organizationalUnit: 'Unit',
        locality: 'Town',
        province: 'Land',
        streetAddress: 'Street 1',
        postalCode: '12345',
        serialNumber: '42',
      },
      serialNumber: Uint8Array.of(0x00, 0xff, 0x01),
      keyUsage: ['digitalSignature', 'contentCommitment', 'decipherOnly'],
      extendedKeyUsage: ['clientAuth', '1.2.3.4', 'any', 'timeStamping'],
      dnsNames: ['a.example'],
      emailAddresses: ['a@example'],
      ipAddresses: ['192.0.2.1'],
      uris: ['spiffe://a/b'],
      notAfter: new Date('2099-12-31T23:59:59Z'),
    });
    expect(extracted).toMatchObject({
      version: 3,
      serialNumber: 'ff01',
      subject: {
        country: ['DE'],
        organization: ['Org'],
        organizationalUnit: ['Unit'],
        locality: ['Town'],
        province: ['Land'],
        streetAddress: ['Street 1'],
        postalCode: ['12345'],
        serialNumber: '42',
        commonName: 'leaf',
      },
      validity: { notAfter: '2099-12-31 23:59:59 +0000 UTC' },
      keyUsage: ['Digital Signature', 'Content Commitment', 'Decipher Only'],
      extKeyUsage: ['Client Auth', 'Any', 'Time Stamping'],
      unknownExtKeyUsage: ['1.2.3.4'],
      basicConstraintsValid: false,
      subjectKeyId: new Uint8Array(),
      dnsNames: ['a.example'],
      emailAddresses: ['a@example'],
      ipAddresses: ['192.0.2.1'],
      uris: ['spiffe://a/b'],
    });
    expect(extracted).not.toHaveProperty('isCA');
    expect(extracted).not.toHaveProperty('maxPathLen');
    expect(extracted).not.toHaveProperty('authorityKeyId');
  });

  test('tells a path length of zero from none', async () => {
    const none = await extract({ isCa: true });
    expect([none.isCA, none.maxPathLen, none.maxPathLenZero]).toEqual([true, -1, undefined]);
    const zero = await extract({ isCa: true, pathLength: 0 });
    expect([zero.isCA, zero.maxPathLen, zero.maxPathLenZero]).toEqual([true, undefined, true]);
    const two = await extract({ isCa: true, pathLength: 2 });
    expect([two.isCA, two.maxPathLen, two.maxPathLenZero]).toEqual([true, 2, undefined]);
  });

  test('leaves lists empty or null as results do', async () => {
    const extracted = await extract({ keyUsage: false });
    expect(extracted.keyUsage).toEqual([]);
    expect(extracted.pkixExtensions).toBeNull();
    expect(extracted).not.toHaveProperty('extKeyUsage');
    expect(extracted).not.toHaveProperty('dnsNames');
  });

  test.each([
    ['RSA2048', 'SHA256-RSA', 'RSA'],
    ['EC521', 'ECDSA-SHA512', 'ECDSA'],
    ['Ed25519', 'Ed25519', 'Ed25519'],
  ] as const)('names the algorithms of %s', (keyAlgorithm, signature, key) => {
    const { certificate } = createFakeCa({ keyAlgorithm });
    const extracted = extractCertificate(parseCertificate(certificate));
    expect(extracted.signatureAlgorithm).toBe(signature);
    expect(extracted.publicKeyAlgorithm).toBe(key);
    expect(extracted.publicKey).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
  });

  test('names RSA-PSS and SHA-1', () => {
    const algorithm = (signature: 'PSS-SHA-384' | 'SHA-1'): string =>
      extractCertificate(
        parseCertificate(createFakeCa({ keyAlgorithm: 'RSA2048', signature }).certificate),
      ).signatureAlgorithm;
    expect(algorithm('PSS-SHA-384')).toBe('SHA384-RSAPSS');
    expect(algorithm('SHA-1')).toBe('SHA1-RSA');
  });

  test.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000000000000000000001', '2001:db8::1'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['00010000000000020000000000000003', '1:0:0:2::3'],
    ['20010db8000100010001000100010000', '2001:db8:1:1:1:1:1:0'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['00000000000000000000ffffc0000201', '192.0.2.1'],
  ])('writes the address %s as %s', async (hex, text) => {
    const value = Buffer.from(`30128710${hex}`, 'hex');
    const extracted = await extract({ extensions: [{ oid: '2.5.29.17', value }] });
    expect(extracted.ipAddresses).toEqual([text]);
  });
});
