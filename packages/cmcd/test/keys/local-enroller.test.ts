import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Signer } from '@cmc/attestationreport';
import { parseCertificate, verifyChain } from '@cmc/attestationreport/x509';
import {
  createFakeCa,
  createFakeKey,
  type FakeCa,
  type FakeKeyAlgorithm,
  fakeSigner,
  flipEachByte,
  prefixes,
} from '@cmc/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createCertificateRequest,
  MAX_REQUEST_BYTES,
  parseCertificateRequest,
} from '../../src/keys/certificate-request.ts';
import type { Enroller } from '../../src/keys/enroller.ts';
import { createLocalEnroller, type LocalEnrollerOptions } from '../../src/keys/local-enroller.ts';
import type { Subject } from '../../src/keys/subject.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const LOCAL: Subject = {
  commonName: 'localhost',
  dnsNames: ['localhost'],
  ipAddresses: ['127.0.0.1', '::1'],
};

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
    csr: await createCertificateRequest(key, subject),
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
    const csr = await createCertificateRequest(await keySigner(), LOCAL);
    const { publicKey } = await keySigner();
    const keyConfig = { type: 'sw', alg: 'EC256', cn: 'x', dnsNames: [], ipAddresses: [] } as const;
    const report = async (): Promise<Uint8Array> => new Uint8Array(0);
    await expect(enroller.enroll({ csr, publicKey, keyConfig, report })).rejects.toMatchObject({
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
  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

  test.skipIf(!hasOpenssl).each(['EC256', 'EC521', 'RSA2048'] as const)(
    'are what openssl reads and verifies (%s)',
    async (algorithm) => {
      const file = join(temporaryFolder(), 'csr.der');
      writeFileSync(file, await createCertificateRequest(await keySigner(algorithm), LOCAL));
      const args = ['req', '-in', file, '-inform', 'DER', '-verify', '-noout', '-text'];
      const text = execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
      expect(text).toMatch(/Subject: CN ?= ?localhost/);
      expect(text).toContain('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    },
  );

  test('are read back with their names', async () => {
    const key = await keySigner();
    for (const subject of [LOCAL, { commonName: 'Ünï', dnsNames: [], ipAddresses: [] }]) {
      const request = await parseCertificateRequest(await createCertificateRequest(key, subject));
      expect(request).toStrictEqual({ ...subject, publicKey: key.publicKey });
    }
  });

  test.each([
    ['an empty common name', { commonName: '' }],
    ['a common name that is too long', { commonName: 'a'.repeat(65) }],
    ['a common name with a control character', { commonName: 'a\nb' }],
    ['a DNS name that is none', { dnsNames: ['a b'] }],
    ['an IP address that is none', { ipAddresses: ['1.2.3'] }],
  ])('are not made for %s', async (_, change) => {
    await expect(
      createCertificateRequest(await keySigner(), { ...LOCAL, ...change }),
    ).rejects.toMatchObject({ code: 'ERR_ENROLL_NAME' });
  });

  test('are refused when any byte is flipped, cut off or added', async () => {
    const csr = await createCertificateRequest(await keySigner(), LOCAL);
    const refused = { code: 'ERR_ENROLL_REQUEST' };
    for (const mask of [0x01, 0x20, 0x80]) {
      for (const { offset, bytes } of flipEachByte(csr, mask)) {
        const parsed = parseCertificateRequest(bytes);
        await expect(parsed, `byte ${offset} xor ${mask}`).rejects.toMatchObject(refused);
      }
    }
    for (const bytes of [...prefixes(csr), Uint8Array.of(...csr, 0)]) {
      await expect(parseCertificateRequest(bytes)).rejects.toMatchObject(refused);
    }
    const long = new Uint8Array(MAX_REQUEST_BYTES + 1);
    await expect(parseCertificateRequest(long)).rejects.toMatchObject(refused);
  });

  test('property: arbitrary bytes are refused with a coded error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await expect(parseCertificateRequest(bytes)).rejects.toMatchObject({
          code: 'ERR_ENROLL_REQUEST',
        });
      }),
      { numRuns: 2000 },
    );
  });
});
