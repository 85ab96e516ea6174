import { compareBytes, concatBytes, fromHex } from '@cmc/bytes';
import { type CurveName, curveSize, hashSize } from '../algorithms.ts';
import type { TpmtSignature } from '../structures/signature.ts';
import { encodeSpki, type PublicKey, padStart } from './spki.ts';

export const MIN_RSA_BITS = 2048;
export const MAX_RSA_BITS = 8192;

const ORDERS: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  'P-384': fromHex(
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  ),
  'P-521': fromHex(
    `01${'ff'.repeat(32)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`,
  ),
};

/** Why no signature of this key is accepted, or `undefined` when they may be. */
export function signingKeyProblem(key: PublicKey): string | undefined {
  if (key.type === 'ECC') return undefined;
  const bits = 8 * key.modulus.length - Math.clz32(key.modulus[0] ?? 0) + 24;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    return `RSA key of ${bits} bits, expected ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`;
  }
  const isExponent = key.exponent >= 3 && key.exponent % 2 === 1;
  return isExponent ? undefined : `RSA key with exponent ${key.exponent}`;
}

/** Whether the scheme of a signature is one of this type of key. */
export function schemeFitsKey(key: PublicKey, signature: TpmtSignature): boolean {
  return (key.type === 'ECC') === (signature.scheme === 'ECDSA');
}

/**
 * Whether `signature` is one of `message` by `key`, by WebCrypto (which browsers have in secure
 * contexts only). Keys and signatures that do not fit give `false`.
 */
export async function verifyTpmtSignature(
  key: PublicKey,
  message: Uint8Array,
  signature: TpmtSignature,
): Promise<boolean> {
  if (signingKeyProblem(key) !== undefined || !schemeFitsKey(key, signature)) return false;
  try {
    return key.type === 'ECC' && signature.scheme === 'ECDSA'
      ? await verifyEcdsa(key, message, signature)
      : signature.scheme !== 'ECDSA' && (await verifyRsa(key, message, signature));
  } catch {
    return false; // the platform refuses to import the key: a point off its curve, for instance
  }
}

/** Whether a number as long as the curve's coordinates is in 1 to n-1, whatever the platform checks. */
export function isScalar(number: Uint8Array, curve: CurveName): boolean {
  return number.some((byte) => byte !== 0) && compareBytes(number, ORDERS[curve]) < 0;
}

async function verifyEcdsa(
  key: Extract<PublicKey, { readonly type: 'ECC' }>,
  message: Uint8Array,
  { hash, r, s }: Extract<TpmtSignature, { readonly scheme: 'ECDSA' }>,
): Promise<boolean> {
  const size = curveSize(key.curve);
  if (r.length > size || s.length > size) return false;
  const halves = [padStart(r, size), padStart(s, size)];
  if (!halves.every((half) => isScalar(half, key.curve))) return false;
  const algorithm = { name: 'ECDSA', namedCurve: key.curve, hash };
  const imported = await crypto.subtle.importKey('spki', encodeSpki(key), algorithm, false, [
    'verify',
  ]);
  return crypto.subtle.verify(algorithm, imported, concatBytes(...halves), message);
}

async function verifyRsa(
  key: PublicKey,
  message: Uint8Array,
  { scheme, hash, signature }: Exclude<TpmtSignature, { readonly scheme: 'ECDSA' }>,
): Promise<boolean> {
  if (key.type !== 'RSA' || signature.length !== key.modulus.length) return false;
  const name = scheme === 'RSASSA' ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS';
  const imported = await crypto.subtle.importKey('spki', encodeSpki(key), { name, hash }, false, [
    'verify',
  ]);
  if (scheme === 'RSASSA') return crypto.subtle.verify(name, imported, signature, message);
  // Part 1, annex B.7: the salt is as long as the digest; in TPMs of before FIPS mode, as possible.
  const longest = key.modulus.length - hashSize(hash) - 2;
  for (const saltLength of [hashSize(hash), longest]) {
    if (await crypto.subtle.verify({ name, saltLength }, imported, signature, message)) return true;
  }
  return false;
}
