import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { encodeUtf8 } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { hasDigestSalt } from '../src/key/pss-salt.ts';

const MESSAGE = encodeUtf8('what is signed');
const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX_SIGN } = constants;

describe.each([2048, 3072, 4096])(
  'the salt of a PSS signature by an RSA key of %i bits',
  (bits) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    const signed = (hash: string, saltLength: number): Uint8Array =>
      sign(hash, MESSAGE, { key: privateKey, padding: RSA_PKCS1_PSS_PADDING, saltLength });

    test.each([
      ['sha256', 32],
      ['sha384', 48],
      ['sha512', 64],
    ])('with %s has to be %i bytes long', (hash, length) => {
      expect(hasDigestSalt(spki, signed(hash, length), hash)).toBe(true);
      for (const other of [0, length - 1, length + 1, RSA_PSS_SALTLEN_MAX_SIGN]) {
        expect(hasDigestSalt(spki, signed(hash, other), hash), `${other} bytes`).toBe(false);
      }
    });

    test('is not found in another padding, or by another hash', () => {
      const other = sign('sha256', MESSAGE, { key: privateKey, padding: RSA_PKCS1_PADDING });
      expect(hasDigestSalt(spki, other, 'sha256')).toBe(false);
      expect(hasDigestSalt(spki, signed('sha256', 32), 'sha384')).toBe(false);
    });
  },
);

test('a longer salt is not taken for padding and a shorter one, whatever its bytes are', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const key = { key: privateKey, padding: RSA_PKCS1_PSS_PADDING, saltLength: 33 };
  // Of 256 salts, one begins with the byte that ends the padding.
  const isTaken = Array.from({ length: 1500 }, () =>
    hasDigestSalt(spki, sign('sha256', MESSAGE, key), 'sha256'),
  );
  expect(isTaken).not.toContain(true);
});
