import { DecodeError } from '@cmc/bytes';
import { keyMismatch, type VerificationAlgorithm } from './algorithms.ts';
import { isEcdsaSignature } from './ecdsa-signature.ts';
import { importKey } from './imported-key.ts';
import { nodeCrypto } from './node-crypto.ts';
import type { PublicKeyInfo } from './public-key.ts';
import { verifyWithNode } from './verify-with-node.ts';
import { verifyWithWebCrypto } from './verify-with-web-crypto.ts';

const ED25519_SIGNATURE_BYTES = 64;

/**
 * Whether `signature` is one of `message` by the key `spki` (SubjectPublicKeyInfo, DER). The caller
 * chooses the algorithm. A key that {@link keyProblem} finds fault with and a signature of the wrong
 * length give `false`, they never throw. ECDSA signatures are `r || s`.
 */
export async function verifySignature(
  spki: Uint8Array,
  algorithm: VerificationAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (keyProblem(spki, algorithm) !== undefined) return false;
  const key = importKey(spki);
  if (!hasSignatureForm(signature, key.info)) return false;
  try {
    return nodeCrypto === undefined
      ? await verifyWithWebCrypto(spki, key, algorithm, message, signature)
      : verifyWithNode(nodeCrypto, spki, key, algorithm, message, signature);
  } catch {
    return false; // the platform refuses to import the key: a point off its curve, for instance
  }
}

/** Why the key `spki` cannot verify signatures of `algorithm`, or `undefined` when it can. */
export function keyProblem(spki: Uint8Array, algorithm: VerificationAlgorithm): string | undefined {
  try {
    return keyMismatch(importKey(spki).info, algorithm);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

function hasSignatureForm(signature: Uint8Array, key: PublicKeyInfo): boolean {
  switch (key.type) {
    case 'ec':
      return isEcdsaSignature(signature, key.curve);
    case 'rsa':
      return signature.length === Math.ceil(key.modulusBits / 8);
    case 'ed25519':
      return signature.length === ED25519_SIGNATURE_BYTES;
    case 'other':
      return false;
  }
}
