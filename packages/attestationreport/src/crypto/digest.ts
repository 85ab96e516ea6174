import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { nodeCrypto } from './node-crypto.ts';

/** Hash algorithms by the names that reports use. */
export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

interface HashFunction {
  readonly bytes: number;
  readonly portable: (data: Uint8Array) => Uint8Array;
}

const HASHES: Readonly<Record<HashName, HashFunction>> = Object.freeze({
  'SHA-1': { bytes: 20, portable: sha1 },
  'SHA-256': { bytes: 32, portable: sha256 },
  'SHA-384': { bytes: 48, portable: sha384 },
  'SHA-512': { bytes: 64, portable: sha512 },
});

/** Digest of `data`, at once (WebCrypto would make every caller wait). */
export function digest(name: HashName, data: Uint8Array): Uint8Array {
  return nodeCrypto === undefined
    ? portableDigest(name, data)
    : new Uint8Array(nodeCrypto.hash(nodeHashName(name), data, 'buffer'));
}

/** Digest of `data` where there is no node:crypto. */
export function portableDigest(name: HashName, data: Uint8Array): Uint8Array {
  return HASHES[name].portable(data);
}

/** The name that node:crypto knows a hash algorithm by. */
export function nodeHashName(name: HashName): string {
  return name.replace('-', '');
}

/** Length of a digest in bytes. */
export function digestLength(name: HashName): number {
  return HASHES[name].bytes;
}

/**
 * The algorithm that a name in any case, with or without dash, stands for (`sha256`, `SHA-256`),
 * or `undefined` when there is none. Does not judge whether the algorithm is good enough.
 */
export function parseHashName(text: string): HashName | undefined {
  const [, size] = /^sha-?(1|256|384|512)$/i.exec(text) ?? [];
  return size === undefined ? undefined : (`SHA-${size}` as HashName);
}
