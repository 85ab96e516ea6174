import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { DecodeError } from '@cmc/bytes';
import { flipEachByte, vectorsDir } from '@cmc/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { parseEkCertificate, readEkCertificate } from '../../src/tpm/ek-certificate.ts';
import { ecdsaFirmwareProblem } from '../../src/tpm/firmware.ts';
import { readVendorPem } from '../../src/tpm/import-vendor-certificates.ts';
import { isRocaModulus } from '../../src/tpm/roca.ts';
import { tpmIdentityOf } from '../../src/tpm/tpm-identity.ts';
import { vendorChainProblem } from '../../src/tpm/vendor-chain.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Vector {
  readonly id: string;
  readonly file: string;
  readonly kind: string;
  readonly expected: { readonly verdict: string; readonly verifyAt: string };
  readonly facts: {
    readonly certificate: { readonly tcgSan?: Readonly<Record<string, string>> };
    readonly issuerFile?: string;
  };
}

const EK = join(vectorsDir(), 'ek');
const ANCHORS = join(vectorsDir(), 'trust-anchors', 'tpm-ek');
const index = JSON.parse(readFileSync(join(EK, 'index.json'), 'utf8')) as {
  readonly entries: readonly Vector[];
};
const vectors = index.entries.filter(({ facts }) => facts !== undefined);

/** Why a certificate with a good chain is refused all the same; the others are endorsement keys. */
const NO_EK: Readonly<Record<string, string>> = {
  'nuvoton-keylime-set-order': 'that of an authority',
  'hpe-iak-keylime': 'extended key usage 1.3.6.1.5.5.7.3.1',
  'gce-pca-tpm-rsa-enc': 'extended key usage not limited',
  'gce-pca-tpm-rsa-sign': 'extended key usage not limited',
  'gce-pca-tpm-ecc-enc': 'extended key usage not limited',
  'gce-uca-tpm-rsa-sign': 'key usage digitalSignature',
  'st-oaep-hirs-nuc2': 'cannot be used',
  'st-oaep-hirs-ab21': 'cannot be used',
};

function certificateOf({ file }: Pick<Vector, 'file'>): Certificate {
  const bytes = readFileSync(join(EK, file));
  if (!file.endsWith('.pem')) return parseEkCertificate(new Uint8Array(bytes));
  const [certificate] = parsePemCertificates(bytes.toString());
  return parseEkCertificate(certificate?.raw ?? new Uint8Array());
}

async function storeWith(...files: readonly string[]): Promise<Store> {
  const store = await openStore(`sqlite://${join(temporaryFolder(), 'db')}`);
  onTestFinished(async () => await store[Symbol.asyncDispose]());
  const read = await Promise.all(files.map(async (file) => await readVendorPem(file)));
  await store.addVendorCertificates(read.flat(), new Date());
  return store;
}

const allAnchors = (): readonly string[] =>
  readdirSync(ANCHORS)
    .filter((file) => file.endsWith('.pem'))
    .map((file) => join(ANCHORS, file));

test.each(vectors.map((vector) => [vector.id, vector] as const))(
  'R51 %s: the chain to a vendor is as expected',
  async (id, vector) => {
    const certificate = certificateOf(vector);
    const { verdict, verifyAt } = vector.expected;
    const problem = await vendorChainProblem(
      certificate,
      await storeWith(...allAnchors()),
      new Date(verifyAt),
    );
    // Without a root at hand there is no chain; SHA-1 signatures of TPM 1.2 do not count either.
    if (verdict === 'accept') expect(problem).toBeUndefined();
    else expect(problem).toMatch(/no trusted root|no certificate of its issuer|not signed by|SHA1/);
    if (verdict !== 'accept-to-issuer' || id.startsWith('st-oaep')) return;
    const folder = vector.facts.issuerFile?.startsWith('trust-anchors') ? vectorsDir() : EK;
    const path = join(folder, vector.facts.issuerFile ?? '');
    const store = await storeWith();
    await store.addVendorCertificates(await readVendorPem(path, { areRoots: true }), new Date());
    expect(await vendorChainProblem(certificate, store, new Date(verifyAt))).toBeUndefined();
  },
);

test.each(vectors.map((vector) => [vector.id, vector] as const))(
  'R51 %s: what it says is an endorsement key with a TPM, or refused for the right reason',
  (id, vector) => {
    const read = readEkCertificate(certificateOf(vector));
    const problem = NO_EK[id];
    if (problem !== undefined) {
      expect(read).toEqual({ problem: expect.stringContaining(problem) });
      return;
    }
    const { tcgSan = {} } = vector.facts.certificate;
    expect(read).toMatchObject({
      identity: {
        vendorId: tcgSan['2.23.133.2.1']?.slice(3),
        model: tcgSan['2.23.133.2.2'],
        version: tcgSan['2.23.133.2.3']?.slice(3),
      },
    });
  },
);

test('R51 a platform certificate is no certificate of a key', () => {
  const file = 'platform-intel-nuc1/platform.cer';
  const bytes = new Uint8Array(readFileSync(join(EK, file)));
  expect(() => parseEkCertificate(bytes)).toThrow(DecodeError);
});

test('R51 names of vendors are texts, and a certificate without all names has no identity', () => {
  const [st] = vectors.filter(({ id }) => id === 'st-ecc-keylime');
  const certificate = certificateOf(st as Vector);
  expect(tpmIdentityOf(certificate)?.vendor).toBe('STM');
  expect(tpmIdentityOf({ ...certificate, extensions: [] })).toBeUndefined();
});

test('R51 no changed byte of a genuine certificate is under its vendor', async () => {
  const file = 'gce-uca-tpm-ecc-enc/cert.pem';
  const certificate = certificateOf({ file });
  const store = await storeWith(...allAnchors().filter((path) => path.includes('google-tpm_ek')));
  const now = new Date('2023-04-25T20:28:50Z');
  expect(await vendorChainProblem(certificate, store, now)).toBeUndefined();
  for (const { bytes } of flipEachByte(certificate.raw)) {
    let changed: Certificate;
    try {
      changed = parseEkCertificate(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
      continue;
    }
    expect(await vendorChainProblem(changed, store, now)).toBeDefined();
  }
});

test('R51 an intermediate alone is no root, and an expired certificate does not count', async () => {
  const vector = vectors.find(({ id }) => id === 'st-rsa-keylime-trailing') as Vector;
  const certificate = certificateOf(vector);
  const now = new Date(vector.expected.verifyAt);
  const intermediate = join(ANCHORS, 'STM_RSA_05I.pem');
  expect(await vendorChainProblem(certificate, await storeWith(intermediate), now)).toContain(
    'no trusted root',
  );
  const store = await storeWith(...allAnchors());
  expect(await vendorChainProblem(certificate, store, new Date('2028-07-12'))).toContain('2028');
});

test('R51 the fingerprint of ROCA is found in keys that have it, and not in others', () => {
  let product = 1n;
  for (const prime of [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]) {
    product *= BigInt(prime);
  }
  for (const prime of [73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149]) {
    product *= BigInt(prime);
  }
  for (const prime of [151, 157, 163, 167]) product *= BigInt(prime);
  // As the faulty library makes primes: a multiple of the product, and a power of 65537.
  const like = (multiple: bigint, power: number): bigint => {
    let value = 1n;
    for (let i = 0; i < power; i++) value = (value * 65537n) % product;
    return multiple * product + value;
  };
  const modulus = like(1n << 800n, 12345) * like(1n << 801n, 999);
  const bytes = (value: bigint): Uint8Array => {
    const hex = value.toString(16);
    return new Uint8Array(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
  };
  expect(isRocaModulus(bytes(modulus))).toBe(true);
  expect(isRocaModulus(bytes(modulus + 2n))).toBe(false);
  for (let i = 0; i < 3; i++) {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { n = '' } = publicKey.export({ format: 'jwk' });
    expect(isRocaModulus(new Uint8Array(Buffer.from(n, 'base64url')))).toBe(false);
  }
});

test.each([
  ['53544D20', 73, 4, true],
  ['53544D20', 73, 20, false],
  ['53544D20', 71, 12, true],
  ['53544D20', 72, 4, false],
  ['494E5443', 73, 4, false],
])('R51 vendor %s with firmware %i.%i leaks ECDSA keys: %s', (vendorId, major, minor, leaks) => {
  const info = { firmwareMajor: major, firmwareMinor: minor };
  expect(ecdsaFirmwareProblem({ vendorId }, info) !== undefined).toBe(leaks);
});
