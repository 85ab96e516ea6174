import { LruCache } from './lru-cache.ts';
import type { NodePublicKey } from './node-crypto.ts';
import { decodePublicKeyInfo, type PublicKeyInfo } from './public-key.ts';

/** A public key of WebCrypto. */
export type WebPublicKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A key that was looked at, and what the platform made of it when it was first used. */
export interface ImportedKey {
  readonly info: PublicKeyInfo;
  node?: NodePublicKey;
  /** By hash algorithm, which WebCrypto binds RSA keys to. */
  readonly web: Map<string, WebPublicKey>;
}

// Importing a key costs up to ten times as much as verifying with it.
const MAX_CACHED_KEYS = 512;
const keys = new LruCache<string, ImportedKey>(MAX_CACHED_KEYS);

/** The key of a SubjectPublicKeyInfo, kept for the next time. @throws {DecodeError} malformed */
export function importKey(spki: Uint8Array): ImportedKey {
  const known = keys.get(latin1(spki));
  if (known !== undefined) return known;
  const key: ImportedKey = { info: decodePublicKeyInfo(spki), web: new Map() };
  keys.set(latin1(spki), key);
  return key;
}

/** What kind of key a SubjectPublicKeyInfo holds, looked up if possible. @throws {DecodeError} */
export function publicKeyInfo(spki: Uint8Array): PublicKeyInfo {
  return importKey(spki).info;
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
