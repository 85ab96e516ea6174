import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  verify,
} from 'node:crypto';
import type { SignatureAlgorithm } from '@cmc/attestationreport';
import { encodeUtf8 } from '@cmc/bytes';
import { beforeAll, describe, expect, test } from 'vitest';
import { createSoftwareKey, type SoftwareKeyAlgorithm, softwareSigner } from '../../src/index.ts';

const RSA: readonly SignatureAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const KEYS: Readonly<Record<SoftwareKeyAlgorithm, readonly SignatureAlgorithm[]>> = {
  EC256: ['ES256'],
  EC384: ['ES384'],
  EC521: ['ES512'],
  RSA2048: RSA,
  RSA4096: ['RS512', 'RS256', 'RS384', 'PS512', 'PS256', 'PS384'],
};
const message = encodeUtf8('the message');
const other = encodeUtf8('the massage');

/** Verification by OpenSSL. */
function isValid(
  publicKey: Uint8Array,
  algorithm: SignatureAlgorithm,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  const pss = algorithm.startsWith('PS') ? { padding, saltLength } : {};
  const input = { key, dsaEncoding: 'ieee-p1363', ...pss } as const;
  return verify(`sha${algorithm.slice(2)}`, signed, input, signature);
}

describe.each(Object.entries(KEYS))('softwareSigner of %s', (keyAlgorithm, algorithms) => {
  let privateKey: KeyObject;
  beforeAll(async () => {
    privateKey = await createSoftwareKey({ algorithm: keyAlgorithm as SoftwareKeyAlgorithm });
  });

  test('offers what fits the key, preferred first', () => {
    expect(softwareSigner({ privateKey }).algorithms).toEqual(algorithms);
  });

  test.each(algorithms)(
    '%s signatures over message and digest are those of OpenSSL',
    async (alg) => {
      const signer = softwareSigner({ privateKey });
      const digest = createHash(`sha${alg.slice(2)}`)
        .update(message)
        .digest();
      const signatures = [
        await signer.signMessage?.(message, alg),
        await signer.signDigest(digest, alg),
        await signer.signDigest(digest, alg),
      ];
      for (const signature of signatures) {
        expect(isValid(signer.publicKey, alg, message, signature ?? new Uint8Array())).toBe(true);
        expect(isValid(signer.publicKey, alg, other, signature ?? new Uint8Array())).toBe(false);
      }
    },
  );

  test('refuses algorithms of other keys and digests of other lengths', async () => {
    const signer = softwareSigner({ privateKey });
    const [alg = 'ES256'] = algorithms;
    const wrong = (['ES256', 'ES384', 'RS256'] as const).find((name) => !algorithms.includes(name));
    const bytes = Number(alg.slice(2)) / 8;
    for (const attempt of [
      signer.signDigest(new Uint8Array(32), wrong ?? alg),
      signer.signMessage?.(message, wrong ?? alg),
      signer.signDigest(new Uint8Array(bytes - 1), alg),
      signer.signDigest(new Uint8Array(bytes + 1), alg),
      signer.signDigest(new Uint8Array(), alg),
      signer.signMessage?.(message, 'none' as SignatureAlgorithm),
      signer.signMessage?.(message, 'HS256' as SignatureAlgorithm),
    ]) {
      await expect(attempt).rejects.toThrow(RangeError);
    }
  });
});

describe('softwareSigner', () => {
  test('a digest is signed with fresh randomness each time', async () => {
    for (const algorithm of ['EC256', 'RSA2048'] as const) {
      const signer = softwareSigner({ privateKey: await createSoftwareKey({ algorithm }) });
      const alg = algorithm === 'EC256' ? 'ES256' : 'PS256';
      const digest = new Uint8Array(32).fill(1);
      const [first, second] = [
        await signer.signDigest(digest, alg),
        await signer.signDigest(digest, alg),
      ];
      expect(first).not.toEqual(second);
      expect(first.length).toBe(second.length);
    }
  });

  test('ECDSA signatures have the length of the curve, whatever r and s are', async () => {
    const signer = softwareSigner({ privateKey: await createSoftwareKey({ algorithm: 'EC256' }) });
    for (let i = 0; i < 300; i++) {
      const digest = createHash('sha256').update(String(i)).digest();
      const signature = await signer.signDigest(digest, 'ES256');
      expect(signature.length).toBe(64);
      expect(isValid(signer.publicKey, 'ES256', encodeUtf8(String(i)), signature)).toBe(true);
    }
  });

  test('has a copy of the certificate chain, and none by default', async () => {
    const privateKey = await createSoftwareKey({ algorithm: 'EC256' });
    const chain = [Uint8Array.of(1), Uint8Array.of(2)];
    const signer = softwareSigner({ privateKey, certificateChain: chain });
    chain[0]?.fill(9);
    expect(signer.certificateChain).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(softwareSigner({ privateKey }).certificateChain).toEqual([]);
  });

  test('an aborted signal stops it', async () => {
    const signer = softwareSigner({ privateKey: await createSoftwareKey({ algorithm: 'EC256' }) });
    const options = { signal: AbortSignal.abort(new Error('enough')) };
    await expect(signer.signDigest(new Uint8Array(32), 'ES256', options)).rejects.toThrow('enough');
    await expect(signer.signMessage?.(message, 'ES256', options)).rejects.toThrow('enough');
  });
});

describe('private keys', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  test('PKCS #8 and SEC 1 are read, PEM and DER, text and bytes', () => {
    for (const input of [
      privateKey,
      pem,
      privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
      encodeUtf8(pem),
      new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' })),
      new Uint8Array(privateKey.export({ type: 'sec1', format: 'der' })),
    ]) {
      expect(softwareSigner({ privateKey: input }).publicKey).toEqual(spki);
    }
  });

  test('anything else is refused, without a word about what it is', () => {
    const der = new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' }));
    const encrypted = {
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    } as const;
    for (const input of [
      '',
      'no key',
      new Uint8Array(),
      der.subarray(0, -1),
      publicKey,
      publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      privateKey.export(encrypted).toString(),
      'A'.repeat(100_000),
    ]) {
      expect(() => softwareSigner({ privateKey: input })).toThrow(
        expect.objectContaining({ code: 'ERR_SOFTWARE_KEY_FORMAT' }),
      );
    }
  });

  test('kinds and sizes that are not used here are refused', () => {
    for (const { privateKey: weak } of [
      generateKeyPairSync('rsa', { modulusLength: 1024 }),
      generateKeyPairSync('ec', { namedCurve: 'P-224' }),
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
    ]) {
      expect(() => softwareSigner({ privateKey: weak })).toThrow(
        expect.objectContaining({ code: 'ERR_SOFTWARE_KEY_UNSUPPORTED' }),
      );
    }
  });

  test('createSoftwareKey refuses algorithms that it does not know', async () => {
    for (const algorithm of ['EC224', 'RSA1024', 'toString', '']) {
      await expect(
        createSoftwareKey({ algorithm: algorithm as SoftwareKeyAlgorithm }),
      ).rejects.toThrow(RangeError);
    }
  });
});
