import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { CmcError, concatBytes, DecodeError, fromHex, toHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { keyTemplate, storageKeyTemplate } from '../src/index.ts';
import {
  decodeEkSpki,
  decodeSpki,
  decodeTpmlPcrSelection,
  decodeTpmsAttest,
  decodeTpmsCreationData,
  decodeTpmtPublic,
  decodeTpmtSignature,
  ekPolicy,
  ekPublicArea,
  encodeSpki,
  encodeTpmlPcrSelection,
  encodeTpmtPublic,
  encodeTpmtSignature,
  makeCredential,
  objectName,
  publicAreaToSpki,
  spkiToPublicArea,
  TPMA_OBJECT,
} from '../src/verify/index.ts';
import { encodeQuote } from './support/signed-quote.ts';
import { readCases, readText, readVector } from './support/vectors.ts';

const CREATION_DATA = fromHex(
  `0000000000206e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d01000b0022000b${'11'.repeat(32)}0022000b${'22'.repeat(32)}0000`,
);
const STRUCTURES: readonly [string, (bytes: Uint8Array) => unknown, readonly Uint8Array[]][] = [
  [
    'TPMS_ATTEST',
    decodeTpmsAttest,
    [
      encodeQuote(),
      readVector('vm-ovmf', 'quote-1-ecc-sha256.attest.bin'),
      readVector('tpm-quote', 'webauthn-certify-1/attest.bin'),
    ],
  ],
  [
    'TPMT_SIGNATURE',
    decodeTpmtSignature,
    [
      readVector('vm-ovmf', 'quote-1-ecc-sha256.sig.bin'),
      readVector('vm-ovmf', 'quote-1-rsa-sha256.sig.bin'),
    ],
  ],
  [
    'TPMT_PUBLIC',
    decodeTpmtPublic,
    ['ak-ecc', 'ak-rsa', 'ek-ecc', 'ek-rsa'].map((name) =>
      readVector('vm-ovmf', `${name}.tpmt_public.bin`),
    ),
  ],
  ['TPMS_CREATION_DATA', decodeTpmsCreationData, [CREATION_DATA]],
  [
    'TPML_PCR_SELECTION',
    decodeTpmlPcrSelection,
    [
      encodeTpmlPcrSelection([
        { bank: 'SHA-1', pcrs: [0, 23] },
        { bank: 'SHA-256', pcrs: [31] },
      ]),
    ],
  ],
];

describe.each(STRUCTURES)('%s', (_, decode, samples) => {
  test('R02 every proper prefix and a trailing byte are refused', () => {
    for (const sample of samples) {
      expect(() => decode(sample)).not.toThrow();
      for (const prefix of prefixes(sample)) expect(() => decode(prefix)).toThrow(DecodeError);
      const longer = concatBytes(sample, Uint8Array.of(0));
      expect(() => decode(longer)).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_TRAILING' }),
      );
    }
  });
});

describe('TPMT_PUBLIC', () => {
  test.each(['ak-ecc', 'ak-rsa', 'ek-ecc', 'ek-rsa'])('%s survives a round trip', (name) => {
    const bytes = readVector('vm-ovmf', `${name}.tpmt_public.bin`);
    expect(toHex(encodeTpmtPublic(decodeTpmtPublic(bytes)))).toBe(toHex(bytes));
  });

  test('the name is algorithm and digest', () => {
    const { quotes } = JSON.parse(readText('vm-ovmf', 'index.json'));
    const name = objectName(readVector('vm-ovmf', 'ak-ecc.tpmt_public.bin'));
    expect(toHex(name)).toBe(quotes[0].akName);
  });

  test('reserved attributes are refused', () => {
    const bytes = readVector('vm-ovmf', 'ak-ecc.tpmt_public.bin');
    bytes[7] = (bytes[7] ?? 0) | 1;
    expect(() => decodeTpmtPublic(bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_RESERVED' }),
    );
  });

  test('R06 an authPolicy that is not as long as the name algorithm demands is refused', () => {
    const area = keyTemplate({ key: 'P-256', authPolicy: new Uint8Array(20) });
    expect(() => decodeTpmtPublic(encodeTpmtPublic(area))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_VALUE' }),
    );
  });
});

test('TPMT_SIGNATURE survives a round trip; other schemes are refused', () => {
  for (const name of ['quote-1-ecc-sha256', 'quote-1-rsa-sha256']) {
    const bytes = readVector('vm-ovmf', `${name}.sig.bin`);
    expect(encodeTpmtSignature(decodeTpmtSignature(bytes))).toEqual(bytes);
  }
  expect(() => decodeTpmtSignature(fromHex('0010'))).toThrow(
    expect.objectContaining({ code: 'ERR_DECODE_TYPE' }),
  );
});

test('PCR selections: what is written is read; PCR 32 and 17 banks are mistakes of the caller', () => {
  const selection = [{ bank: 'SHA-384', pcrs: [0, 8, 23] }] as const;
  expect(toHex(encodeTpmlPcrSelection(selection))).toBe('00000001000c03010180');
  expect(decodeTpmlPcrSelection(encodeTpmlPcrSelection(selection))).toEqual(selection);
  expect(() => encodeTpmlPcrSelection([{ bank: 'SHA-1', pcrs: [32] }])).toThrow(RangeError);
  const many = Array.from({ length: 17 }, () => selection[0]);
  expect(() => encodeTpmlPcrSelection(many)).toThrow(RangeError);
});

describe('SubjectPublicKeyInfo', () => {
  const KEYS = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }),
    ...['P-256', 'P-384', 'P-521'].map((namedCurve) => generateKeyPairSync('ec', { namedCurve })),
  ].map(({ publicKey }) => new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })));

  test.each(KEYS.map((spki) => ({ spki })))(
    'key $# survives the way through a public area',
    ({ spki }) => {
      expect(encodeSpki(decodeSpki(spki))).toEqual(spki);
      const isRsa = decodeSpki(spki).type === 'RSA';
      const area = spkiToPublicArea(spki, keyTemplate({ key: isRsa ? 2048 : 'P-256' }));
      expect(publicAreaToSpki(decodeTpmtPublic(encodeTpmtPublic(area)))).toEqual(spki);
      for (const prefix of prefixes(spki)) expect(() => decodeSpki(prefix)).toThrow(DecodeError);
      expect(() => decodeSpki(concatBytes(spki, Uint8Array.of(0)))).toThrow(DecodeError);
    },
  );

  test('DER that is not canonical, and other keys, are refused', () => {
    const spki = KEYS[2] ?? new Uint8Array();
    const long = concatBytes(Uint8Array.of(0x30, 0x81), spki.subarray(1));
    expect(() => decodeSpki(long)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_NON_CANONICAL' }),
    );
    const { publicKey } = generateKeyPairSync('ed25519');
    const other = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
    expect(() => decodeSpki(other)).toThrow(DecodeError);
    expect(() => spkiToPublicArea(spki, keyTemplate({ key: 2048 }))).toThrow(TypeError);
  });
});

describe('endorsement keys', () => {
  const certificates = readCases('ek').filter(({ kind }) => kind === 'ek-cert');
  test('every kind of certificate is there, also those that OpenSSL cannot read the key of', () => {
    const oaep = certificates.filter(({ file }) => spkiOf(file)[16] === 0x07);
    expect(certificates).toHaveLength(11);
    expect(oaep.map(({ id }) => id)).toEqual(['st-oaep-hirs-nuc2', 'st-oaep-hirs-ab21']);
    for (const { file } of oaep) expect(() => decodeSpki(spkiOf(file))).toThrow(DecodeError);
  });

  test.each(certificates)(
    '$id: the key makes a public area, and a credential for it',
    async ({ file }) => {
      const spki = spkiOf(file);
      const area = ekPublicArea(spki);
      expect(publicAreaToSpki(area)).toEqual(encodeSpki(decodeEkSpki(spki)));
      const name = objectName(readVector('vm-ovmf', 'ak-ecc.tpmt_public.bin'));
      const credential = new Uint8Array(randomBytes(32));
      const made = await makeCredential({ ek: area, name, credential });
      const size = area.nameAlg === 'SHA-256' ? 32 : 48;
      expect(made.credentialBlob).toHaveLength(2 + size + 2 + 32);
      expect(made.secret).toHaveLength(area.type === 'RSA' ? area.keyBits / 8 : 2 * (2 + size));
    },
  );

  test('a key that only signs (RSASSA-PSS) is no endorsement key', () => {
    expect(() => ekPublicArea(spkiOf('hpe-iak-keylime/cert.der'))).toThrow(DecodeError);
  });

  test('the public area of a certificate is that of the TPM', () => {
    for (const kind of ['rsa', 'ecc']) {
      const der = Buffer.from(readVector('vm-ovmf', `ek-${kind}.crt.der`));
      const key = createPublicKey(
        new X509Certificate(der).publicKey.export({ type: 'spki', format: 'pem' }),
      );
      const spki = new Uint8Array(key.export({ type: 'spki', format: 'der' }));
      expect(encodeTpmtPublic(ekPublicArea(spki))).toEqual(
        readVector('vm-ovmf', `ek-${kind}.tpmt_public.bin`),
      );
    }
  });

  test('policies are those that the EK Credential Profile lists', () => {
    const a = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
    expect(toHex(ekPolicy('SHA-256').policyA)).toBe(a);
    const published = {
      'SHA-256': 'ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0',
      'SHA-384':
        'b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12',
      'SHA-512':
        'b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a429c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea',
    } as const;
    for (const [hash, policyB] of Object.entries(published)) {
      expect(toHex(ekPolicy(hash as keyof typeof published).policyB)).toBe(policyB);
    }
    expect(() => ekPolicy('SHA-1')).toThrow(RangeError);
  });

  test('credentials of no length, too long, or for no storage key are mistakes of the caller', async () => {
    const ek = decodeTpmtPublic(readVector('vm-ovmf', 'ek-rsa.tpmt_public.bin'));
    const name = new Uint8Array(34);
    for (const length of [0, 33]) {
      const credential = new Uint8Array(length);
      await expect(makeCredential({ ek, name, credential })).rejects.toThrow(RangeError);
    }
    const credential = new Uint8Array(32);
    const ak = decodeTpmtPublic(readVector('vm-ovmf', 'ak-rsa.tpmt_public.bin'));
    await expect(makeCredential({ ek: ak, name, credential })).rejects.toThrow(TypeError);
    const template = storageKeyTemplate();
    await expect(makeCredential({ ek: template, name, credential })).rejects.toThrow(TypeError);
  });

  test('a point that is not on its curve gets no credential', async () => {
    const ek = decodeTpmtPublic(readVector('vm-ovmf', 'ek-ecc.tpmt_public.bin'));
    if (ek.type !== 'ECC') throw new Error('the test needs an ECC key');
    const y = ek.unique.y.map((byte, index) => (index === 0 ? byte ^ 1 : byte));
    const off = { ...ek, unique: { ...ek.unique, y } };
    const options = { ek: off, name: new Uint8Array(34), credential: new Uint8Array(32) };
    await expect(makeCredential(options)).rejects.toThrow(CmcError);
  });
});

test('templates have the attributes of attestation and storage keys', () => {
  const scheme = { scheme: 'ECDSA', hash: 'SHA-256' } as const;
  expect(keyTemplate({ key: 'P-256', restricted: true, scheme }).attributes).toBe(0x0005_0472);
  expect(keyTemplate({ key: 'P-256' }).attributes).toBe(0x0004_0072);
  expect(storageKeyTemplate(2048).attributes).toBe(0x0003_0472);
  expect(TPMA_OBJECT.sign).toBe(0x0004_0000);
  expect(() => keyTemplate({ key: 'P-256', restricted: true })).toThrow(TypeError);
});

/** SubjectPublicKeyInfo of a certificate, by its place: OpenSSL refuses some of these keys. */
function spkiOf(file: string): Uint8Array {
  const bytes = readVector('ek', file);
  const [, base64] = /-----BEGIN CERTIFICATE-----([^-]+)/.exec(Buffer.from(bytes).toString()) ?? [];
  const der = base64 === undefined ? bytes : new Uint8Array(Buffer.from(base64, 'base64'));
  const elements = childrenOf(childrenOf(der)[0] ?? new Uint8Array());
  return elements[6] ?? new Uint8Array();
}

/** Elements in a constructed DER element. */
function childrenOf(der: Uint8Array): readonly Uint8Array[] {
  const sizeOf = (at: number): number => {
    const first = der[at + 1] ?? 0;
    if (first < 0x80) return 2 + first;
    const count = first & 0x7f;
    const digits = der.subarray(at + 2, at + 2 + count);
    return 2 + count + digits.reduce((value, digit) => value * 256 + digit, 0);
  };
  const header = (der[1] ?? 0) < 0x80 ? 2 : 2 + ((der[1] ?? 0) & 0x7f);
  const children: Uint8Array[] = [];
  for (let at = header; at < sizeOf(0); at += sizeOf(at)) {
    children.push(der.slice(at, at + sizeOf(at)));
  }
  return children;
}
