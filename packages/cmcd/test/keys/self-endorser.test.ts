import { X509Certificate } from 'node:crypto';
import { parseCertificate, verifyChain } from '@cmc/attestationreport/x509';
import type { AttestationKeyRequest } from '@cmc/driver-tpm';
import { createFakeKeySync, type FakeKeyAlgorithm, fakeSigner } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { selfEndorser } from '../../src/keys/self-endorser.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const HOUR_MS = 3_600_000;

/** A TPM whose attestation key signs messages and no digests. */
function requestOf(algorithm: FakeKeyAlgorithm): AttestationKeyRequest {
  const signer = fakeSigner(createFakeKeySync(algorithm));
  const refuse = async (): Promise<never> => {
    throw new Error('a restricted key signs no digests, and nobody else is asked');
  };
  return {
    signer: { ...signer, certificateChain: [], signDigest: refuse },
    key: {} as AttestationKeyRequest['key'],
    identity: refuse,
    activate: refuse,
  };
}

test.each<FakeKeyAlgorithm>(['EC256', 'RSA2048'])(
  'the certificate of a key of %s in a virtual TPM is signed by the key itself, and asks nobody',
  async (algorithm) => {
    const request = requestOf(algorithm);
    const endorser = selfEndorser({ name: Promise.resolve('guest.test'), now: () => NOW });
    const [der, ...more] = await endorser.endorse(request);
    expect(more).toEqual([]);
    const certificate = parseCertificate(der ?? new Uint8Array());
    expect(certificate.spki).toEqual(request.signer.publicKey);
    expect(certificate.subject).toBe('CN=guest.test vTPM AK');
    expect(certificate.issuerName.raw).toEqual(certificate.subjectName.raw);
    const x509 = new X509Certificate(Buffer.from(certificate.raw));
    expect(x509.verify(x509.publicKey)).toBe(true);
    expect(certificate.notBefore).toEqual(new Date(NOW.getTime() - HOUR_MS));
    expect(certificate.notAfter.getTime()).toBeGreaterThan(NOW.getTime() + 3649 * 24 * HOUR_MS);
    // It certifies nobody else, and is no attestation key certificate of an authority.
    expect(certificate.basicConstraints).toMatchObject({ isCa: true, pathLength: 0 });
    expect(certificate.extendedKeyUsage).toBeUndefined();
    const chain = { leaf: certificate, intermediates: [], now: NOW };
    expect(await verifyChain({ ...chain, roots: [certificate] })).toMatchObject({ ok: true });
    expect(await verifyChain({ ...chain, roots: [] })).toMatchObject({ ok: false });
  },
);
