import { createFakeCa, createFakeKeySync, type IssueOptions } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import { createScene } from '../support/scene.ts';
import { ATTESTATION_KEY, createTpmScene, faults } from '../support/tpm-scene.ts';

const { key, certificate, run, accepted, refused } = await createTpmScene();

describe('R10 keys that anyone can have sign a quote', () => {
  test('R10 a key that is certified by itself is no attestation key', async () => {
    const self = createFakeCa({ ...ATTESTATION_KEY, isCa: false, key });
    const tpm = await refused({ certs: [self.certificate] });
    expect(faults(tpm)).toEqual(['chain']);
    expect(faults(await accepted({}))).toEqual([]);
  });

  test('R10 the certificate of an attestation key does not vouch for another key', async () => {
    const tpm = await refused({ key: createFakeKeySync('EC256'), certs: [certificate] });
    expect(faults(tpm)).toEqual(['signature']);
  });
});

describe('R11 the certificate of the attestation key', () => {
  test.each<[string, Partial<Record<keyof IssueOptions, unknown>>]>([
    ['TLS', { extendedKeyUsage: ['serverAuth', 'clientAuth'] }],
    ['TLS and attestation', { extendedKeyUsage: ['clientAuth', '2.23.133.8.3'] }],
    ['signing of metadata', { extendedKeyUsage: ['codeSigning'] }],
    ['a host', { extendedKeyUsage: undefined, dnsNames: ['host.example'] }],
    [
      'signing of documents',
      {
        extendedKeyUsage: undefined,
        keyUsage: ['digitalSignature', 'contentCommitment'],
      },
    ],
    ['an authority', { isCa: true, extendedKeyUsage: undefined }],
  ])('R11 refuses a certificate for %s', async (_, change) => {
    const { certificate } = { certificate: { ...ATTESTATION_KEY, ...change } };
    const tpm = await refused({ certificate: withoutUndefined(certificate) });
    expect(tpm.signature.certChainValidation.errorCodes).toEqual([ErrorCode.VerifyCertChain]);
    expect(tpm.signature.signatureVerification.status).toBe('success');
  });

  test('R11 accepts one that only signs, and says nothing more', async () => {
    const { extendedKeyUsage: _, ...certificate } = ATTESTATION_KEY;
    expect((await run({ certificate })).ok).toBe(true);
  });

  test('R11 accepts one for TLS only when that is asked for', async () => {
    const certificate: IssueOptions = {
      ...ATTESTATION_KEY,
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
    };
    expect((await run({ certificate, verify: { tpmAllowTlsKeys: true } })).ok).toBe(true);
  });

  test('refuses a certificate of another authority, one that has expired, and none', async () => {
    const stranger = await createScene();
    const issued = await stranger.ca.issue({ ...ATTESTATION_KEY, key });
    await refused({ certs: [issued.certificate] });
    await refused({ certs: [] });
    await refused({ certificate: { ...ATTESTATION_KEY, notAfter: new Date('2026-05-31') } });
    await refused({ certs: [Uint8Array.of(0x30, 0)] });
  });
});

function withoutUndefined(options: object): IssueOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as IssueOptions;
}
