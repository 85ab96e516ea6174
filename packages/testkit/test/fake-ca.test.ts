import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  createFakeCa,
  createFakeKeySync,
  derNull,
  type FakeSignatureAlgorithm,
  fakeSigner,
} from '../src/index.ts';

describe('createFakeCa', () => {
  test('issues a chain that an independent implementation accepts', async () => {
    const root = createFakeCa({ commonName: 'root' });
    const intermediate = await root.issueCa({ commonName: 'between', pathLength: 0 });
    const leaf = await intermediate.issue({
      commonName: 'leaf',
      dnsNames: ['a.example', 'b.example'],
      ipAddresses: ['127.0.0.1'],
      extendedKeyUsage: ['serverAuth', '1.2.3.4'],
    });
    const [leafCertificate, caCertificate] = leaf.chain.map((der) => new X509Certificate(der));
    const rootCertificate = new X509Certificate(root.certificate);
    expect(leaf.chain).toHaveLength(2);
    expect(leafCertificate?.verify(caCertificate!.publicKey)).toBe(true);
    expect(caCertificate?.verify(rootCertificate.publicKey)).toBe(true);
    expect(leafCertificate?.checkIssued(caCertificate!)).toBe(true);
    expect(caCertificate?.ca).toBe(true);
    expect(leafCertificate?.ca).toBe(false);
    expect(leafCertificate?.subject).toBe('CN=leaf');
    expect(leafCertificate?.subjectAltName).toBe(
      'DNS:a.example, DNS:b.example, IP Address:127.0.0.1',
    );
    expect(leafCertificate?.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.2.3.4']);
    expect(leafCertificate?.checkPrivateKey(leaf.key.privateKey)).toBe(true);
  });

  test.each(['EC384', 'EC521', 'RSA2048', 'Ed25519'] as const)(
    'signs with %s',
    async (keyAlgorithm) => {
      const ca = createFakeCa({ keyAlgorithm });
      const leaf = await ca.issue();
      const issuer = new X509Certificate(ca.certificate).publicKey;
      expect(new X509Certificate(leaf.certificate).verify(issuer)).toBe(true);
    },
  );

  test('signs with RSA-PSS when told to', async () => {
    const ca = createFakeCa({ keyAlgorithm: 'RSA2048', signature: 'PSS-SHA-384' });
    expect(new X509Certificate(ca.certificate).verify(createPublicKey(ca.pem))).toBe(true);
  });

  test('puts any extension, serial number and validity into a certificate', async () => {
    const leaf = await createFakeCa().issue({
      serialNumber: Uint8Array.of(0),
      notBefore: new Date('2020-01-01T00:00:00Z'),
      notAfter: new Date('2051-01-01T00:00:00Z'),
      extensions: [{ oid: '1.2.3.4.5', critical: true, value: derNull() }],
    });
    const certificate = new X509Certificate(leaf.certificate);
    expect(certificate.serialNumber).toBe('0');
    expect(certificate.validFrom).toBe('Jan  1 00:00:00 2020 GMT');
    expect(certificate.validTo).toBe('Jan  1 00:00:00 2051 GMT');
    const extension = Buffer.from('06042a0304050101ff04020500', 'hex');
    expect(Buffer.from(leaf.certificate).includes(extension)).toBe(true);
  });
});

describe('fakeSigner', () => {
  test.each(['EC256', 'EC384', 'EC521', 'RSA2048'] as const)(
    'signs digests and messages alike with %s',
    async (keyAlgorithm) => {
      const key = createFakeKeySync(keyAlgorithm);
      const signer = fakeSigner(key);
      const message = Buffer.from('a message');
      expect(signer.algorithms.length).toBeGreaterThan(0);
      for (const algorithm of signer.algorithms) {
        const digest = createHash(hashOf(algorithm)).update(message).digest();
        for (const signature of [
          await signer.signDigest(digest, algorithm),
          await signer.signMessage(message, algorithm),
        ]) {
          const padding = algorithm.startsWith('PS') ? { padding: 6 } : {};
          const publicKey = { key: key.publicKey, dsaEncoding: 'ieee-p1363' as const, ...padding };
          expect(verify(hashOf(algorithm), message, publicKey, signature)).toBe(true);
        }
      }
    },
  );
});

function hashOf(algorithm: FakeSignatureAlgorithm): string {
  return `sha${algorithm.slice(2)}`;
}
