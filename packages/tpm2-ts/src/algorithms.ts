import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

/** Algorithm identifiers (TPM 2.0 Part 2, section 6.3) that this library speaks. */
export const TPM_ALG = {
  RSA: 0x0001,
  SHA1: 0x0004,
  HMAC: 0x0005,
  AES: 0x0006,
  KEYEDHASH: 0x0008,
  XOR: 0x000a,
  SHA256: 0x000b,
  SHA384: 0x000c,
  SHA512: 0x000d,
  NULL: 0x0010,
  RSASSA: 0x0014,
  RSAES: 0x0015,
  RSAPSS: 0x0016,
  OAEP: 0x0017,
  ECDSA: 0x0018,
  ECDH: 0x0019,
  KDF1_SP800_56A: 0x0020,
  KDF2: 0x0021,
  KDF1_SP800_108: 0x0022,
  ECC: 0x0023,
  SYMCIPHER: 0x0025,
  CFB: 0x0043,
} as const;

/** Hash algorithms of names, banks and signatures. */
export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

/** NIST curves of keys. */
export type CurveName = 'P-256' | 'P-384' | 'P-521';

interface Hash {
  readonly id: number;
  readonly size: number;
  readonly hash: typeof sha256 | typeof sha1 | typeof sha512;
}

const HASHES: Readonly<Record<HashName, Hash>> = Object.freeze({
  'SHA-1': { id: TPM_ALG.SHA1, size: 20, hash: sha1 },
  'SHA-256': { id: TPM_ALG.SHA256, size: 32, hash: sha256 },
  'SHA-384': { id: TPM_ALG.SHA384, size: 48, hash: sha384 },
  'SHA-512': { id: TPM_ALG.SHA512, size: 64, hash: sha512 },
});
const HASH_NAMES: ReadonlyMap<number, HashName> = new Map(
  Object.entries(HASHES).map(([name, { id }]) => [id, name as HashName]),
);

const CURVES: Readonly<Record<CurveName, { readonly id: number; readonly size: number }>> =
  Object.freeze({
    'P-256': { id: 0x0003, size: 32 },
    'P-384': { id: 0x0004, size: 48 },
    'P-521': { id: 0x0005, size: 66 },
  });
const CURVE_NAMES: ReadonlyMap<number, CurveName> = new Map(
  Object.entries(CURVES).map(([name, { id }]) => [id, name as CurveName]),
);

/** Longest digest of the algorithms above, in bytes. */
export const MAX_DIGEST_BYTES = 64;

/** TPM_ALG_ID of a hash. */
export function hashId(name: HashName): number {
  return HASHES[name].id;
}

/** The hash with this TPM_ALG_ID, or `undefined` for one that this library does not know. */
export function hashName(id: number): HashName | undefined {
  return HASH_NAMES.get(id);
}

/** Length of a digest in bytes. */
export function hashSize(name: HashName): number {
  return HASHES[name].size;
}

/** Digest of the concatenation of `parts`. */
export function digest(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = HASHES[name].hash.create();
  for (const part of parts) state.update(part);
  return state.digest();
}

/** HMAC over the concatenation of `parts`. */
export function hmacDigest(
  name: HashName,
  key: Uint8Array,
  ...parts: readonly Uint8Array[]
): Uint8Array {
  const state = hmac.create(HASHES[name].hash, key);
  for (const part of parts) state.update(part);
  return state.digest();
}

/** TPM_ECC_CURVE of a curve (Part 2, section 6.4). */
export function curveId(name: CurveName): number {
  return CURVES[name].id;
}

/** The curve with this TPM_ECC_CURVE, or `undefined` for one that this library does not know. */
export function curveName(id: number): CurveName | undefined {
  return CURVE_NAMES.get(id);
}

/** Length of a coordinate in bytes. */
export function curveSize(name: CurveName): number {
  return CURVES[name].size;
}
