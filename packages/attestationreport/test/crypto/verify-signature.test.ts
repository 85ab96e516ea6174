import { sign } from 'node:crypto';
import { concatBytes, encodeUtf8, fromHex } from '@cmc/bytes';
import {
  createFakeKey,
  derBitString,
  derInteger,
  derNull,
  derOid,
  derSequence,
  type FakeKey,
  type FakeKeyAlgorithm,
  fakeSigner,
  flipEachByte,
  spkiOf,
} from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { importKey } from '../../src/crypto/imported-key.ts';
import type { VerificationAlgorithm } from '../../src/crypto/index.ts';
import { decodePublicKeyInfo, keyProblem, verifySignature } from '../../src/crypto/index.ts';
import { verifyWithWebCrypto } from '../../src/crypto/verify-with-web-crypto.ts';

const message = encodeUtf8('the message');
const keys = new Map<FakeKeyAlgorithm, FakeKey>();

function key(algorithm: FakeKeyAlgorithm): FakeKey {
  return keys.get(algorithm)!;
}

function spki(algorithm: FakeKeyAlgorithm): Uint8Array {
  return spkiOf(key(algorithm));
}

beforeAll(async () => {
  const algorithms = [
    'EC256',
    'EC384',
    'EC521',
    'RSA2048',
    'Ed25519',
    'weak-RSA1024',
    'weak-EC224',
    'weak-secp256k1',
  ] as const;
  for (const algorithm of algorithms) keys.set(algorithm, await createFakeKey(algorithm));
});

const CASES: readonly (readonly [FakeKeyAlgorithm, VerificationAlgorithm])[] = [
  ['EC256', 'ES256'],
  ['EC384', 'ES384'],
  ['EC521', 'ES512'],
  ['EC384', 'ECDSA-SHA256'],
  ['EC256', 'ECDSA-SHA512'],
  ['RSA2048', 'RS256'],
  ['RSA2048', 'RS384'],
  ['RSA2048', 'RS512'],
  ['RSA2048', 'PS256'],
  ['RSA2048', 'PS384'],
  ['RSA2048', 'PS512'],
  ['Ed25519', 'Ed25519'],
];

async function signed(
  kind: FakeKeyAlgorithm,
  algorithm: VerificationAlgorithm,
): Promise<Uint8Array> {
  if (algorithm === 'Ed25519') return new Uint8Array(sign(null, message, key(kind).privateKey));
  if (algorithm.startsWith('ECDSA-')) {
    const options = { key: key(kind).privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return new Uint8Array(sign(algorithm.slice(6), message, options));
  }
  return fakeSigner(key(kind)).signMessage(message, algorithm as 'ES256');
}

describe('verifySignature', () => {
  test.each(CASES)(
    'accepts a signature by %s with %s, in Node and in browsers',
    async (kind, alg) => {
      const signature = await signed(kind, alg);
      expect(await verifySignature(spki(kind), alg, message, signature)).toBe(true);
      const imported = importKey(spki(kind));
      for (let times = 0; times < 2; times++) {
        expect(await verifyWithWebCrypto(spki(kind), imported, alg, message, signature)).toBe(true);
      }
      const other = encodeUtf8('another message');
      expect(await verifySignature(spki(kind), alg, other, signature)).toBe(false);
      expect(await verifyWithWebCrypto(spki(kind), imported, alg, other, signature)).toBe(false);
    },
  );

  test.each([
    ['EC256', 'ES256'],
    ['RSA2048', 'PS256'],
    ['Ed25519', 'Ed25519'],
  ] as const)('refuses a %s signature with any byte changed', async (kind, alg) => {
    for (const { bytes } of flipEachByte(await signed(kind, alg))) {
      expect(await verifySignature(spki(kind), alg, message, bytes)).toBe(false);
    }
  });

  test.each(CASES)('refuses %s signatures of %s with the wrong length', async (kind, alg) => {
    const signature = await signed(kind, alg);
    const padded = concatBytes(Uint8Array.of(0), signature);
    for (const wrong of [signature.subarray(1), padded, new Uint8Array()]) {
      expect(await verifySignature(spki(kind), alg, message, wrong)).toBe(false);
    }
  });

  test('refuses DER where r || s is expected', async () => {
    const der = new Uint8Array(sign('sha256', message, key('EC256').privateKey));
    expect(await verifySignature(spki('EC256'), 'ES256', message, der)).toBe(false);
  });

  test('refuses r and s outside of 1..n-1', async () => {
    const order = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const good = await signed('EC256', 'ES256');
    const [r, s] = [good.subarray(0, 32), good.subarray(32)];
    for (const half of [new Uint8Array(32), order, new Uint8Array(32).fill(0xff)]) {
      for (const signature of [
        concatBytes(half, s),
        concatBytes(r, half),
        concatBytes(half, half),
      ]) {
        expect(await verifySignature(spki('EC256'), 'ES256', message, signature)).toBe(false);
      }
    }
  });

  test('refuses an RSA signature with another padding or salt length', async () => {
    const pkcs1 = await signed('RSA2048', 'RS256');
    expect(await verifySignature(spki('RSA2048'), 'PS256', message, pkcs1)).toBe(false);
    const options = { key: key('RSA2048').privateKey, padding: 6, saltLength: 20 };
    const salted = new Uint8Array(sign('sha256', message, options));
    expect(await verifySignature(spki('RSA2048'), 'PS256', message, salted)).toBe(false);
  });

  test.each([
    ['EC256', 'ES384'],
    ['EC384', 'ES256'],
    ['EC256', 'RS256'],
    ['RSA2048', 'ES256'],
    ['RSA2048', 'Ed25519'],
    ['weak-RSA1024', 'RS256'],
    ['weak-EC224', 'ECDSA-SHA256'],
    ['weak-secp256k1', 'ES256'],
  ] as const)('refuses to use a %s key for %s, and says why', async (kind, alg) => {
    expect(keyProblem(spki(kind), alg)).toMatch(/./);
    const signature = await fakeSigner(key(kind)).signMessage(message, 'ES256');
    expect(await verifySignature(spki(kind), alg, message, signature)).toBe(false);
  });

  test('refuses a good signature by a 1024 bit RSA key', async () => {
    const signature = await signed('weak-RSA1024', 'RS256');
    expect(await verifySignature(spki('weak-RSA1024'), 'RS256', message, signature)).toBe(false);
  });

  test('a key that is none verifies nothing and throws nothing', async () => {
    const good = spki('EC256');
    const offCurve = good.slice();
    offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1;
    const signature = await signed('EC256', 'ES256');
    for (const bad of [new Uint8Array(), good.subarray(1), concatBytes(good, good), offCurve]) {
      expect(await verifySignature(bad, 'ES256', message, signature)).toBe(false);
    }
  });

  test('an algorithm that does not exist is the fault of the caller', async () => {
    const alg = 'none' as VerificationAlgorithm;
    await expect(verifySignature(spki('EC256'), alg, message, new Uint8Array(64))).rejects.toThrow(
      RangeError,
    );
  });
});

describe('decodePublicKeyInfo', () => {
  test('tells kinds of keys apart', () => {
    expect(decodePublicKeyInfo(spki('EC521'))).toEqual({ type: 'ec', curve: 'P-521' });
    expect(decodePublicKeyInfo(spki('RSA2048'))).toEqual({ type: 'rsa', modulusBits: 2048 });
    expect(decodePublicKeyInfo(spki('Ed25519'))).toEqual({ type: 'ed25519' });
    expect(decodePublicKeyInfo(spki('weak-EC224')).type).toBe('other');
    const unknown = derSequence(derSequence(derOid('1.2.3')), derBitString(Uint8Array.of(1)));
    expect(decodePublicKeyInfo(unknown)).toEqual({ type: 'other', algorithm: '1.2.3' });
  });

  const rsa = (modulus: Uint8Array, exponent: Uint8Array): Uint8Array =>
    derSequence(
      derSequence(derOid('1.2.840.113549.1.1.1'), derNull()),
      derBitString(derSequence(derInteger(modulus), derInteger(exponent))),
    );
  const modulus = concatBytes(Uint8Array.of(0), new Uint8Array(256).fill(0xff));

  test.each([
    ['an exponent of 1', Uint8Array.of(1)],
    ['an even exponent', Uint8Array.of(4)],
    ['a negative exponent', Uint8Array.of(0x83)],
    ['an exponent of nine bytes', new Uint8Array(9).fill(0x11)],
  ])('rejects an RSA key with %s', (_, exponent) => {
    expect(() => decodePublicKeyInfo(rsa(modulus, exponent))).toThrow(
      expect.objectContaining({ name: 'DecodeError' }),
    );
    expect(decodePublicKeyInfo(rsa(modulus, Uint8Array.of(3))).type).toBe('rsa');
  });

  test('rejects a negative RSA modulus and a huge key', () => {
    const negative = new Uint8Array(256).fill(0x80);
    expect(() => decodePublicKeyInfo(rsa(negative, Uint8Array.of(3)))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_VALUE' }),
    );
    const huge = concatBytes(Uint8Array.of(0), new Uint8Array(4096).fill(0xff));
    expect(() => decodePublicKeyInfo(rsa(huge, Uint8Array.of(3)))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }),
    );
  });

  test('rejects compressed points', () => {
    const compressed = derSequence(
      derSequence(derOid('1.2.840.10045.2.1'), derOid('1.2.840.10045.3.1.7')),
      derBitString(concatBytes(Uint8Array.of(2), spki('EC256').subarray(27, 59))),
    );
    expect(() => decodePublicKeyInfo(compressed)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_VALUE' }),
    );
  });
});
