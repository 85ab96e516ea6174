import { createHash } from 'node:crypto';

const LABEL = 'CMC enrollment nonce v1\0';

/** Bytes of a nonce that a server gives out. */
export const SERVER_NONCE_BYTES = 32;
/** Header of an enrollment request that names the nonce of the server, base64. */
export const NONCE_HEADER = 'cmc-attestation-nonce';

/**
 * The nonce, 32 bytes, of the attestation report in an enrollment request: SHA-256 over a label, the
 * nonce of the server and `spki` (SubjectPublicKeyInfo, DER) of the request. Without a nonce of the
 * server it is SHA-256 over `spki` alone, which does not show that the report is fresh.
 * @throws {RangeError} a nonce of the server that is not 32 bytes
 */
export function enrollmentNonce(spki: Uint8Array, serverNonce?: Uint8Array): Uint8Array {
  const hash = createHash('sha256');
  if (serverNonce !== undefined) {
    // One length only: label, nonce and key can be taken apart in one way.
    if (serverNonce.length !== SERVER_NONCE_BYTES) {
      throw new RangeError(
        `serverNonce: expected ${SERVER_NONCE_BYTES} bytes, got ${serverNonce.length}`,
      );
    }
    hash.update(LABEL, 'latin1').update(serverNonce);
  }
  return new Uint8Array(hash.update(spki).digest());
}
