import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

/** Hash algorithms whose PCR banks can be replayed. */
export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

interface HashAlgorithm {
  readonly size: number;
  /** Its name in the kernel, and in node:crypto. */
  readonly kernelName: string;
  readonly portable: (data: Uint8Array) => Uint8Array;
}

interface NodeHashing {
  hash(algorithm: string, data: Uint8Array, encoding: 'buffer'): Uint8Array;
}

interface MaybeNode {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown };
}

const HASHES: Readonly<Record<HashName, HashAlgorithm>> = Object.freeze({
  'SHA-1': { size: 20, kernelName: 'sha1', portable: sha1 },
  'SHA-256': { size: 32, kernelName: 'sha256', portable: sha256 },
  'SHA-384': { size: 48, kernelName: 'sha384', portable: sha384 },
  'SHA-512': { size: 64, kernelName: 'sha512', portable: sha512 },
});

// Not an import: bundlers for browsers trip over those.
const nodeHashing = (globalThis as MaybeNode).process?.getBuiltinModule?.('node:crypto') as
  | NodeHashing
  | undefined;

/** Digest of `data`. */
export function digest(bank: HashName, data: Uint8Array): Uint8Array {
  const { kernelName, portable } = HASHES[bank];
  return nodeHashing === undefined
    ? portable(data)
    : new Uint8Array(nodeHashing.hash(kernelName, data, 'buffer'));
}

/** Digest of `data` where there is no node:crypto. */
export function portableDigest(bank: HashName, data: Uint8Array): Uint8Array {
  return HASHES[bank].portable(data);
}

/** What the kernel calls an algorithm: `sha256`. */
export function kernelHashName(bank: HashName): string {
  return HASHES[bank].kernelName;
}

/** Length of a digest, in bytes. */
export function digestSize(bank: HashName): number {
  return HASHES[bank].size;
}
