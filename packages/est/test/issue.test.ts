import type { Signer } from '@cmc/attestationreport';
import { encodePem, parseCertificate, verifyChain } from '@cmc/attestationreport/x509';
import { decodeUtf8 } from '@cmc/bytes';
import { createFakeKeySync, type FakeKeyAlgorithm, fakeSigner } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  type CertificateProfile,
  issueCertificate,
  issueCrl,
  issueRoot,
  KeyPurpose,
  type RevokedCertificate,
} from '../src/index.ts';
import { openssl } from './openssl.ts';

const NOW = new Date('2026-06-01T12:00:00.500Z');
const DAY_MS = 86_400_000;

async function authority(algorithm: FakeKeyAlgorithm = 'EC256', pathLength = 1): Promise<Signer> {
  const key = createFakeKeySync(algorithm);
  const { certificate } = await issueRoot(
    { subject: { commonName: 'Root' }, ca: { pathLength }, lifetimeMs: 3650 * DAY_MS },
    { issuer: fakeSigner(key, []), now: NOW },
  );
  return fakeSigner(key, [certificate]);
}

function leafProfile(change: Partial<CertificateProfile> = {}): CertificateProfile {
  return {
    subject: { commonName: 'leaf' },
    publicKey: fakeSigner(createFakeKeySync('EC256'), []).publicKey,
    dnsNames: ['leaf.example'],
    ipAddresses: ['2001:db8::1'],
    purposes: [KeyPurpose.serverAuth, KeyPurpose.clientAuth],
    lifetimeMs: 90 * DAY_MS,
    ...change,
  };
}

const at = ['-attime', String(Math.floor(NOW.getTime() / 1000))];
const pem = (der: Uint8Array | undefined): string =>
  encodePem(der ?? new Uint8Array(), 'CERTIFICATE');

describe('issueCertificate', () => {
  test.each(['EC256', 'EC384', 'RSA2048'] as const)(
    'with a key of %s makes chains that openssl and our verifier accept',
    async (algorithm) => {
      const root = await authority(algorithm);
      const key = createFakeKeySync(algorithm);
      const below = await issueCertificate(
        {
          subject: { commonName: 'Issuing' },
          publicKey: fakeSigner(key, []).publicKey,
          ca: { pathLength: 0 },
          lifetimeMs: 1000 * DAY_MS,
        },
        { issuer: root, now: NOW },
      );
      const issuing = fakeSigner(key, [below.certificate, ...root.certificateChain]);
      const leaf = await issueCertificate(leafProfile(), { issuer: issuing, now: NOW });
      const args = ['verify', ...at, '-x509_strict', '-verify_hostname', 'leaf.example'];
      const [rootPem, issuingPem] = [pem(root.certificateChain[0]), pem(below.certificate)];
      const verified = openssl([...args, '-CAfile', 'root', '-untrusted', 'issuing', 'leaf'], {
        root: rootPem,
        issuing: issuingPem,
        leaf: pem(leaf.certificate),
      });
      expect(decodeUtf8(verified)).toContain('OK');
      const outcome = await verifyChain({
        leaf: parseCertificate(leaf.certificate),
        intermediates: [parseCertificate(below.certificate)],
        roots: root.certificateChain.map((der) => parseCertificate(der)),
        now: NOW,
      });
      expect(outcome).toMatchObject({ ok: true });
    },
  );

  test('says in its record what is in the certificate', async () => {
    const issued = await issueCertificate(leafProfile(), { issuer: await authority(), now: NOW });
    const certificate = parseCertificate(issued.certificate);
    expect(issued.serial).toMatch(/^[4-7][0-9a-f]{31}$/);
    expect(certificate.notBefore).toEqual(issued.notBefore);
    expect(certificate.notAfter).toEqual(issued.notAfter);
    expect(issued.notBefore.toISOString()).toBe('2026-06-01T11:55:00.000Z');
    expect(issued.notAfter.toISOString()).toBe('2026-08-30T12:00:00.000Z');
  });

  test('gives keys the usages that they can have, and no more', async () => {
    const issuer = await authority();
    const usages = async (change: Partial<CertificateProfile>): Promise<unknown> => {
      const { certificate } = await issueCertificate(leafProfile(change), { issuer, now: NOW });
      const { keyUsage, extendedKeyUsage, basicConstraints } = parseCertificate(certificate);
      return { keyUsage, extendedKeyUsage, isCa: basicConstraints?.isCa };
    };
    const rsa = fakeSigner(createFakeKeySync('RSA2048'), []).publicKey;
    expect(await usages({})).toEqual({
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [KeyPurpose.serverAuth, KeyPurpose.clientAuth],
      isCa: false,
    });
    expect(await usages({ publicKey: rsa })).toMatchObject({
      keyUsage: ['digitalSignature', 'keyEncipherment'],
    });
    expect(await usages({ publicKey: rsa, purposes: [KeyPurpose.attestationKey] })).toEqual({
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [KeyPurpose.attestationKey],
      isCa: false,
    });
  });

  test('names where the list of revoked certificates is', async () => {
    const profile = leafProfile({ crlUrl: 'https://prov.example/crl' });
    const { certificate } = await issueCertificate(profile, {
      issuer: await authority(),
      now: NOW,
    });
    const text = openssl(['x509', '-in', 'leaf', '-noout', '-text'], { leaf: pem(certificate) });
    expect(decodeUtf8(text)).toContain('URI:https://prov.example/crl');
  });

  test('cannot be had from an authority that has ended, nor from one for another key', async () => {
    const issuer = await authority();
    const late = new Date(NOW.getTime() + 3651 * DAY_MS);
    const early = new Date(NOW.getTime() - DAY_MS);
    for (const now of [late, early]) {
      await expect(issueCertificate(leafProfile(), { issuer, now })).rejects.toMatchObject({
        code: 'ERR_EST_CA',
      });
    }
    const other = fakeSigner(createFakeKeySync('EC256'), issuer.certificateChain);
    const { certificate } = await issueCertificate(leafProfile(), { issuer, now: NOW });
    const leafKey = createFakeKeySync('EC256');
    for (const bad of [other, fakeSigner(leafKey, []), fakeSigner(leafKey, [certificate])]) {
      await expect(
        issueCertificate(leafProfile(), { issuer: bad, now: NOW }),
      ).rejects.toMatchObject({ code: 'ERR_EST_CA' });
    }
  });

  test.each<[string, Partial<CertificateProfile>]>([
    ['a DNS name that is none', { dnsNames: ['a b'] }],
    ['an IP address that is none', { ipAddresses: ['1.2.3'] }],
    ['a name that is too long', { subject: { commonName: 'x'.repeat(65) } }],
    ['a path that is too long', { ca: { pathLength: 128 } }],
    ['a URL that is none', { crlUrl: 'nowhere' }],
  ])('is not made with %s', async (_, change) => {
    const issuer = await authority();
    const issued = (async () => issueCertificate(leafProfile(change), { issuer, now: NOW }))();
    await expect(issued).rejects.toThrow(/^(?!.*certification authority)/);
  });
});

describe('issueCrl', () => {
  const nextUpdate = new Date(NOW.getTime() + DAY_MS);

  async function crlText(issuer: Signer, revoked: readonly RevokedCertificate[]): Promise<string> {
    const crl = await issueCrl({ issuer, now: NOW, nextUpdate, number: 258n, revoked });
    const files = { list: crl, root: pem(issuer.certificateChain[0]) };
    const args = ['crl', '-inform', 'DER', '-in', 'list', '-CAfile', 'root', '-noout', '-text'];
    return decodeUtf8(openssl(args, files));
  }

  test('makes lists that openssl reads and verifies', async () => {
    const issuer = await authority('EC384');
    const text = await crlText(issuer, [
      { serial: '40ff', revokedAt: NOW, reason: 'keyCompromise' },
      { serial: '4100', revokedAt: NOW, reason: 'unspecified' },
    ]);
    expect(text).toMatch(/X509v3 CRL Number: *\n? *(258|0x0?102)/);
    expect(text).toContain('Serial Number: 40FF');
    expect(text).toContain('Key Compromise');
    expect(text).toContain('Serial Number: 4100');
    expect(text.match(/CRL Reason Code/g)).toHaveLength(1);
    expect(await crlText(issuer, [])).toContain('No Revoked Certificates');
  });

  test('has openssl refuse a revoked certificate, and accept another', async () => {
    const issuer = await authority();
    const [good, bad] = [
      await issueCertificate(leafProfile(), { issuer, now: NOW }),
      await issueCertificate(leafProfile(), { issuer, now: NOW }),
    ];
    const revoked = [{ serial: bad.serial, revokedAt: NOW, reason: 'superseded' }] as const;
    const crl = await issueCrl({ issuer, now: NOW, nextUpdate, number: 1n, revoked });
    const crlPem = encodePem(crl, 'X509 CRL');
    const verify = (leaf: Uint8Array): string => {
      const files = { root: pem(issuer.certificateChain[0]), list: crlPem, leaf: pem(leaf) };
      const args = ['verify', ...at, '-crl_check', '-CAfile', 'root', '-CRLfile', 'list', 'leaf'];
      try {
        return decodeUtf8(openssl(args, files));
      } catch (error) {
        return String(error instanceof Error && 'stderr' in error ? error.stderr : error);
      }
    };
    expect(verify(good.certificate)).toContain('OK');
    expect(verify(bad.certificate)).toContain('certificate revoked');
  });

  test('cannot be had from a certificate that may not sign lists', async () => {
    const issuer = await authority();
    const key = createFakeKeySync('EC256');
    const { publicKey } = fakeSigner(key, []);
    const profile = leafProfile({ publicKey });
    const { certificate } = await issueCertificate(profile, { issuer, now: NOW });
    const leaf = fakeSigner(key, [certificate]);
    const crl = issueCrl({ issuer: leaf, now: NOW, nextUpdate, number: 1n, revoked: [] });
    await expect(crl).rejects.toMatchObject({ code: 'ERR_EST_CA' });
  });
});
