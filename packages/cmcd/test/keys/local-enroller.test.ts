import { X509Certificate } from 'node:crypto';
import type { Signer } from '@cmc/attestationreport';
import { parseCertificate, verifyChain } from '@cmc/attestationreport/x509';
import { type CreateCsrOptions, createCsr } from '@cmc/est';
import {
  createFakeCa,
  createFakeKey,
  createFakeKeySync,
  type FakeCa,
  type FakeKeyAlgorithm,
  fakeSigner,
  flipEachByte,
  prefixes,
} from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import type { Enroller } from '../../src/keys/enroller.ts';
import { createLocalEnroller, type LocalEnrollerOptions } from '../../src/keys/local-enroller.ts';

/** It issues for the request, whatever shows where the key is. */
const KEY = { type: 'sw', privateKey: createFakeKeySync('EC256').privateKey } as const;
const NOW = new Date('2026-06-01T00:00:00Z');
const LOCAL: Subject = {
  commonName: 'localhost',
  dnsNames: ['localhost'],
  ipAddresses: ['127.0.0.1', '::1'],
};

interface Subject {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

function createRequest(signer: Signer, subject: Subject): Promise<Uint8Array> {
  const { commonName, dnsNames, ipAddresses } = subject;
  return createCsr({ signer, subject: { commonName }, dnsNames, ipAddresses });
}

async function keySigner(algorithm: FakeKeyAlgorithm = 'EC256'): Promise<Signer> {
  return fakeSigner(await createFakeKey(algorithm), []);
}

function signerOf(ca: FakeCa): Signer {
  return fakeSigner(ca.key, [ca.certificate, ...ca.chain]);
}

const CA_VALIDITY = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2036-01-01T00:00:00Z'),
};

function caOf(options: Parameters<typeof createFakeCa>[0] = {}): FakeCa {
  return createFakeCa({ ...CA_VALIDITY, ...options });
}

function enrollerOf(ca: FakeCa, options: Partial<LocalEnrollerOptions> = {}): Enroller {
  return createLocalEnroller({ ca: signerOf(ca), now: () => NOW, ...options });
}

async function enroll(
  enroller: Enroller,
  subject: Subject = LOCAL,
  signer?: Signer,
): Promise<readonly Uint8Array[]> {
  const key = signer ?? (await keySigner());
  return await enroller.enroll({
    key: KEY,
    csr: await createRequest(key, subject),
    publicKey: key.publicKey,
    keyConfig: {
      type: 'sw',
      alg: 'EC256',
      cn: subject.commonName,
      dnsNames: subject.dnsNames,
      ipAddresses: subject.ipAddresses,
    },
    report: async () => new Uint8Array(0),
  });
}

describe('createLocalEnroller', () => {
  test.each(['EC256', 'EC384', 'EC521', 'RSA2048'] as const)(
    'issues a TLS certificate for a key of %s under a CA of the same kind',
    async (algorithm) => {
      const ca = caOf({ keyAlgorithm: algorithm });
      const signer = await keySigner(algorithm);
      const [leaf = new Uint8Array(0), ...chain] = await enroll(enrollerOf(ca), LOCAL, signer);
      expect(chain).toStrictEqual([ca.certificate]);
      const certificate = new X509Certificate(leaf);
      expect(certificate.subject).toBe('CN=localhost');
      expect(certificate.subjectAltName).toBe(
        'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
      );
      expect(certificate.ca).toBe(false);
      expect(certificate.keyUsage).toStrictEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
      expect(certificate.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
      expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
      expect(new Uint8Array(certificate.publicKey.export({ format: 'der', type: 'spki' }))).toEqual(
        signer.publicKey,
      );
      expect([certificate.validFrom, certificate.validTo].map((text) => Date.parse(text))).toEqual([
        NOW.getTime() - 300_000,
        NOW.getTime() + 180 * 86_400_000,
      ]);
    },
  );

  test('issues what our own verifier of certificate chains accepts, below an intermediate CA', async () => {
    const root = caOf();
    const ca = await root.issueCa({ commonName: 'Issuing CA', ...CA_VALIDITY });
    const [leaf = new Uint8Array(0), ...intermediates] = await enroll(enrollerOf(ca));
    const outcome = await verifyChain({
      leaf: parseCertificate(leaf),
      intermediates: intermediates.map((der) => parseCertificate(der)),
      roots: [parseCertificate(root.certificate)],
      now: NOW,
    });
    expect(outcome).toMatchObject({ ok: true });
  });

  test('issues different serial numbers', async () => {
    const enroller = enrollerOf(caOf());
    const [[first], [second]] = [await enroll(enroller), await enroll(enroller)];
    const serials = [first, second].map((der) => new X509Certificate(der ?? '').serialNumber);
    expect(new Set(serials).size).toBe(2);
  });

  test('issues no certificate that outlives its CA', async () => {
    const notAfter = new Date(NOW.getTime() + 86_400_000);
    const [leaf = new Uint8Array(0)] = await enroll(enrollerOf(caOf({ notAfter })));
    expect(Date.parse(new X509Certificate(leaf).validTo)).toBe(notAfter.getTime());
  });

  test.each([
    ['another DNS name', { dnsNames: ['bank.example'] }],
    ['one more DNS name', { dnsNames: ['localhost', 'bank.example'] }],
    ['another IP address', { ipAddresses: ['10.0.0.1'] }],
    ['a wildcard', { dnsNames: ['*.localhost'] }],
    ['a host as common name', { commonName: 'bank.example' }],
    ['an IP address as common name', { commonName: '10.0.0.1' }],
    ['a single word without other names', { commonName: 'bank', dnsNames: [], ipAddresses: [] }],
  ])('refuses %s that is not allowed', async (_, change) => {
    await expect(enroll(enrollerOf(caOf()), { ...LOCAL, ...change })).rejects.toMatchObject({
      code: 'ERR_ENROLL_NAME',
    });
  });

  test('takes the names it is told to, whatever their spelling, and any name for *', async () => {
    const subject = { commonName: 'Node 1', dnsNames: ['A.Example'], ipAddresses: ['2001:db8::1'] };
    const names = ['a.example', '2001:DB8:0:0::1'];
    expect(await enroll(enrollerOf(caOf(), { names }), subject)).toHaveLength(2);
    expect(await enroll(enrollerOf(caOf(), { names: ['*'] }), subject)).toHaveLength(2);
  });

  test('refuses a request for another key', async () => {
    const enroller = enrollerOf(caOf());
    const csr = await createRequest(await keySigner(), LOCAL);
    const { publicKey } = await keySigner();
    const keyConfig = { type: 'sw', alg: 'EC256', cn: 'x', dnsNames: [], ipAddresses: [] } as const;
    const report = async (): Promise<Uint8Array> => new Uint8Array(0);
    await expect(
      enroller.enroll({ key: KEY, csr, publicKey, keyConfig, report }),
    ).rejects.toMatchObject({
      code: 'ERR_ENROLL_REQUEST',
    });
  });

  test.each([
    ['has expired', { notAfter: new Date('2026-02-01T00:00:00Z') }],
    ['is not valid yet', { notBefore: new Date('2026-07-01T00:00:00Z') }],
    ['is not one of a CA', { isCa: false }],
    ['may not sign certificates', { keyUsage: ['digitalSignature'] as const }],
  ])('refuses to issue when the certificate of the CA %s', async (_, options) => {
    await expect(enroll(enrollerOf(caOf(options)))).rejects.toMatchObject({
      code: 'ERR_ENROLL_CA',
    });
  });

  test.each(['without a certificate', 'with that of another key'])(
    'refuses to issue with a CA key %s',
    async (kind) => {
      const chain = kind === 'without a certificate' ? [] : [caOf().certificate];
      const ca = fakeSigner(caOf().key, chain);
      const enroller = createLocalEnroller({ ca, now: () => NOW });
      await expect(enroll(enroller)).rejects.toMatchObject({ code: 'ERR_ENROLL_CA' });
    },
  );
});

describe('certificate requests', () => {
  const { publicKey: none } = fakeSigner(createFakeKeySync('EC256'), []);

  async function enrollRequest(csr: Uint8Array, publicKey: Uint8Array = none): Promise<unknown> {
    const keyConfig = { type: 'sw', alg: 'EC256', cn: 'x', dnsNames: [], ipAddresses: [] } as const;
    const report = async (): Promise<Uint8Array> => new Uint8Array(0);
    return await enrollerOf(authority).enroll({ key: KEY, csr, publicKey, keyConfig, report });
  }
  const authority = caOf();
  const refused = { code: 'ERR_ENROLL_REQUEST' };

  test('are refused when any byte is flipped, cut off or added', async () => {
    const key = await keySigner();
    const csr = await createRequest(key, LOCAL);
    for (const mask of [0x01, 0x20, 0x80]) {
      for (const { offset, bytes } of flipEachByte(csr, mask)) {
        const enrolled = enrollRequest(bytes, key.publicKey);
        await expect(enrolled, `byte ${offset} xor ${mask}`).rejects.toMatchObject(refused);
      }
    }
    for (const bytes of [...prefixes(csr), Uint8Array.of(...csr, 0)]) {
      await expect(enrollRequest(bytes, key.publicKey)).rejects.toMatchObject(refused);
    }
  });

  test.each<[string, Partial<CreateCsrOptions>]>([
    ['more in its subject than a common name', { subject: { commonName: 'a', organization: 'b' } }],
    ['an attribute that means nothing here', { challengePassword: 'secret' }],
  ])('are refused with %s', async (_, change) => {
    const signer = await keySigner();
    const csr = await createCsr({ signer, subject: { commonName: 'localhost' }, ...change });
    await expect(enrollRequest(csr, signer.publicKey)).rejects.toMatchObject(refused);
  });
});
