import { createHash } from 'node:crypto';
import { CmcdError } from '../errors.ts';

const PEER_ID = /^[0-9a-f]{64}$/;
const DIGEST = /^(?:[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/;
const HASHES: Readonly<Record<number, string>> = { 64: 'sha256', 96: 'sha384', 128: 'sha512' };

/** Whether `text` is the lower-case hex SHA-256 of a certificate. Such a text is safe as a file name. */
export function isPeerId(text: string): boolean {
  return PEER_ID.test(text);
}

/** Whether `text` is a lower-case hex digest of SHA-256, SHA-384 or SHA-512. */
export function isMetadataDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Whether `item` has the digest `text`; the length of the digest tells its hash. */
export function hasDigest(item: Uint8Array, text: string): boolean {
  const hash = HASHES[text.length];
  return hash !== undefined && createHash(hash).update(item).digest('hex') === text;
}

/** @throws {CmcdError} ERR_PEER_CACHE_PEER */
export function assertPeerId(peer: string): void {
  if (isPeerId(peer)) return;
  throw new CmcdError(
    'ERR_PEER_CACHE_PEER',
    `peer id: expected 64 lower-case hex digits, got ${peer.length} characters`,
  );
}
