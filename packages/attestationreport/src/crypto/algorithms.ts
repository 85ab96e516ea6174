import type { SignatureAlgorithm } from '../contract.ts';
import type { HashName } from './digest.ts';
import type { CurveName, PublicKeyInfo } from './public-key.ts';

/**
 * Signature algorithms that can be verified. `ES*` bind hash and curve together (RFC 7518);
 * `ECDSA-*` name the hash and leave the curve open, as X.509 and COSE do.
 */
export type VerificationAlgorithm =
  | SignatureAlgorithm
  | 'ECDSA-SHA256'
  | 'ECDSA-SHA384'
  | 'ECDSA-SHA512'
  | 'Ed25519';

/** An algorithm taken apart. */
export type SignatureScheme =
  | { readonly type: 'ec'; readonly hash: HashName; readonly curve?: CurveName }
  | { readonly type: 'rsa'; readonly hash: HashName; readonly padding: 'PKCS1' | 'PSS' }
  | { readonly type: 'ed25519' };

export const MIN_RSA_BITS = 2048;
export const MAX_RSA_BITS = 8192;

const SCHEMES: ReadonlyMap<VerificationAlgorithm, SignatureScheme> = new Map([
  ['ES256', { type: 'ec', hash: 'SHA-256', curve: 'P-256' }],
  ['ES384', { type: 'ec', hash: 'SHA-384', curve: 'P-384' }],
  ['ES512', { type: 'ec', hash: 'SHA-512', curve: 'P-521' }],
  ['ECDSA-SHA256', { type: 'ec', hash: 'SHA-256' }],
  ['ECDSA-SHA384', { type: 'ec', hash: 'SHA-384' }],
  ['ECDSA-SHA512', { type: 'ec', hash: 'SHA-512' }],
  ['RS256', { type: 'rsa', hash: 'SHA-256', padding: 'PKCS1' }],
  ['RS384', { type: 'rsa', hash: 'SHA-384', padding: 'PKCS1' }],
  ['RS512', { type: 'rsa', hash: 'SHA-512', padding: 'PKCS1' }],
  ['PS256', { type: 'rsa', hash: 'SHA-256', padding: 'PSS' }],
  ['PS384', { type: 'rsa', hash: 'SHA-384', padding: 'PSS' }],
  ['PS512', { type: 'rsa', hash: 'SHA-512', padding: 'PSS' }],
  ['Ed25519', { type: 'ed25519' }],
]);

/** The parts of an algorithm. @throws {RangeError} there is no such algorithm */
export function signatureScheme(algorithm: VerificationAlgorithm): SignatureScheme {
  const scheme = SCHEMES.get(algorithm);
  if (scheme === undefined) throw new RangeError(`no signature algorithm ${algorithm}`);
  return scheme;
}

/** Why this key must not be used with this algorithm, or `undefined` when it may. */
export function keyMismatch(
  key: PublicKeyInfo,
  algorithm: VerificationAlgorithm,
): string | undefined {
  const scheme = signatureScheme(algorithm);
  if (key.type === 'other') return `keys of type ${key.algorithm} are not accepted`;
  if (key.type !== scheme.type) return `${algorithm} needs another type of key than ${key.type}`;
  if (key.type === 'rsa') return rsaSizeProblem(key.modulusBits);
  if (key.type === 'ec' && scheme.type === 'ec' && (scheme.curve ?? key.curve) !== key.curve) {
    return `${algorithm} needs a key on ${scheme.curve}, got one on ${key.curve}`;
  }
  return undefined;
}

/** Why an RSA key of this size is not accepted, or `undefined` when it is. */
export function rsaSizeProblem(bits: number): string | undefined {
  if (bits < MIN_RSA_BITS) return `RSA key of ${bits} bits, at least ${MIN_RSA_BITS} are needed`;
  if (bits > MAX_RSA_BITS) return `RSA key of ${bits} bits, at most ${MAX_RSA_BITS} are accepted`;
  return undefined;
}
