import { DecodeError } from '@cmc/bytes';
import { DerReader, Tag } from './der-reader.ts';

/** NIST curves that keys may be on. */
export type CurveName = 'P-256' | 'P-384' | 'P-521';

/** What kind of key a SubjectPublicKeyInfo holds. */
export type PublicKeyInfo =
  | { readonly type: 'ec'; readonly curve: CurveName }
  | { readonly type: 'rsa'; readonly modulusBits: number }
  | { readonly type: 'ed25519' }
  /** A key that nothing here can use. */
  | { readonly type: 'other'; readonly algorithm: string };

/** OIDs of key algorithms. */
export const KeyOid = {
  ec: '1.2.840.10045.2.1',
  rsa: '1.2.840.113549.1.1.1',
  dsa: '1.2.840.10040.4.1',
  ed25519: '1.3.101.112',
} as const;

const CURVES: ReadonlyMap<string, CurveName> = new Map([
  ['1.2.840.10045.3.1.7', 'P-256'],
  ['1.3.132.0.34', 'P-384'],
  ['1.3.132.0.35', 'P-521'],
]);

const FIELD_BYTES: Readonly<Record<CurveName, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };
const ED25519_BYTES = 32;
/** Longest key that is looked at: RSA with 8192 bits needs 1 KB. */
const MAX_SPKI_BYTES = 2048;
// Longer exponents only serve to make verification slow.
const MAX_EXPONENT_BYTES = 8;

/** Length of a coordinate, and of each half of an ECDSA signature, in bytes. */
export function fieldBytes(curve: CurveName): number {
  return FIELD_BYTES[curve];
}

/**
 * The kind of key in a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7). Whether an EC point lies
 * on its curve is found out when the key is used.
 * @throws {DecodeError} not DER, not an SPKI, trailing bytes
 */
export function decodePublicKeyInfo(spki: Uint8Array): PublicKeyInfo {
  if (spki.length > MAX_SPKI_BYTES) {
    const at = { path: ['SPKI'], offset: 0 };
    throw new DecodeError('ERR_DECODE_LIMIT', `${spki.length} bytes, at most 2048`, at);
  }
  const outer = new DerReader(spki, 'SPKI');
  const reader = outer.enter(Tag.Sequence, 'subjectPublicKeyInfo');
  outer.end();
  const algorithm = reader.enter(Tag.Sequence, 'algorithm');
  const oid = algorithm.oid('algorithm');
  const curve =
    oid === KeyOid.ec && algorithm.peek() === Tag.Oid ? algorithm.oid('namedCurve') : undefined;
  if (curve === undefined && !algorithm.done) algorithm.skip('parameters');
  algorithm.end();
  const key = reader.bitString('subjectPublicKey');
  reader.end();
  switch (oid) {
    case KeyOid.ec:
      return ecKey(key, CURVES.get(curve ?? ''), reader);
    case KeyOid.rsa:
      return rsaKey(key);
    case KeyOid.ed25519:
      if (key.length !== ED25519_BYTES) reader.fail('ERR_DECODE_VALUE', 'Ed25519 key length');
      return { type: 'ed25519' };
    default:
      return { type: 'other', algorithm: oid };
  }
}

function ecKey(point: Uint8Array, curve: CurveName | undefined, reader: DerReader): PublicKeyInfo {
  if (curve === undefined) return { type: 'other', algorithm: 'EC key on another curve' };
  if (point[0] !== 0x04 || point.length !== 1 + 2 * FIELD_BYTES[curve]) {
    reader.fail('ERR_DECODE_VALUE', `expected an uncompressed point on ${curve}`);
  }
  return { type: 'ec', curve };
}

function rsaKey(key: Uint8Array): PublicKeyInfo {
  const outer = new DerReader(key, 'RSAPublicKey');
  const reader = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const modulus = reader.integer('modulus');
  const exponent = reader.integer('publicExponent');
  reader.end();
  const isPositive = (integer: Uint8Array): boolean =>
    (integer[0] ?? 0x80) < 0x80 && integer.some((byte) => byte !== 0);
  const isOdd = ((exponent.at(-1) ?? 0) & 1) === 1;
  const isOne = exponent.length === 1 && exponent[0] === 1;
  if (!isPositive(modulus) || !isPositive(exponent) || !isOdd || isOne) {
    reader.fail('ERR_DECODE_VALUE', 'not an RSA modulus with an odd exponent of 3 or more');
  }
  if (exponent.length > MAX_EXPONENT_BYTES) {
    reader.fail('ERR_DECODE_LIMIT', `public exponent of ${exponent.length} bytes`);
  }
  return { type: 'rsa', modulusBits: bitLength(modulus) };
}

function bitLength(integer: Uint8Array): number {
  const leading = integer[0] === 0 ? 1 : 0;
  return (integer.length - leading) * 8 - Math.clz32(integer[leading] ?? 0) + 24;
}
