import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

/** Hash algorithms by the names that reports and banks of PCRs have. */
export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

interface HashAlgorithm {
  readonly size: number;
  /** Its name in node:crypto. */
  readonly nodeName: string;
  readonly portable: (data: Uint8Array) => Uint8Array;
}

interface NodeHashing {
  hash(algorithm: string, data: Uint8Array, encoding: 'buffer'): Uint8Array;
}

interface MaybeNode {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown };
}

const HASHES: Readonly<Record<HashName, HashAlgorithm>> = Object.freeze({
  'SHA-1': { size: 20, nodeName: 'sha1', portable: sha1 },
  'SHA-256': { size: 32, nodeName: 'sha256', portable: sha256 },
  'SHA-384': { size: 48, nodeName: 'sha384', portable: sha384 },
  'SHA-512': { size: 64, nodeName: 'sha512', portable: sha512 },
});

// Not an import: bundlers for browsers trip over those.
const nodeHashing = (globalThis as MaybeNode).process?.getBuiltinModule?.('node:crypto') as
  | NodeHashing
  | undefined;

/** Digest of `data`, at once (WebCrypto would make every caller wait). */
export function digest(name: HashName, data: Uint8Array): Uint8Array {
  return nodeHashing === undefined
    ? portableDigest(name, data)
    : new Uint8Array(nodeHashing.hash(HASHES[name].nodeName, data, 'buffer'));
}

/** Digest of `data` where there is no node:crypto. */
export function portableDigest(name: HashName, data: Uint8Array): Uint8Array {
  return HASHES[name].portable(data);
}

/** Length of a digest, in bytes. */
export function digestSize(name: HashName): number {
  return HASHES[name].size;
}

/** What node:crypto and Linux call an algorithm: `sha256`. */
export function nodeHashName(name: HashName): string {
  return HASHES[name].nodeName;
}
