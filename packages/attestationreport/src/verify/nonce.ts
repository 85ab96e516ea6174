/** Shortest nonce that is accepted, in bytes. */
export const MIN_NONCE_BYTES = 8;
/** Longest nonce that is accepted, in bytes. */
export const MAX_NONCE_BYTES = 64;

const NEW_NONCE_BYTES = 32;

/** A new challenge: 32 bytes that nobody can predict. Use each for one report only. */
export function createNonce(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(NEW_NONCE_BYTES));
}

/** @throws {RangeError} the nonce is too short or too long */
export function requireNonce(nonce: Uint8Array): void {
  if (nonce.length < MIN_NONCE_BYTES || nonce.length > MAX_NONCE_BYTES) {
    throw new RangeError(
      `nonce: expected ${MIN_NONCE_BYTES} to ${MAX_NONCE_BYTES} bytes, got ${nonce.length}`,
    );
  }
}
