import type { SignatureAlgorithm } from '@cmc/attestationreport';
import { concatBytes } from '@cmc/bytes';
import type { TpmtSignature } from 'tpm2-ts/verify';
import { TpmDriverError } from '../errors.ts';

/** Length of a number modulo the order of the curve, bytes. */
const ORDER_BYTES: Readonly<Record<string, number>> = { ES256: 32, ES384: 48, ES512: 66 };
const SCHEMES = { ES: 'ECDSA', RS: 'RSASSA', PS: 'RSAPSS' } as const;

/**
 * A signature in the form of `Signer`: IEEE P1363 for ECDSA, as long as the modulus for RSA.
 * @throws {TpmDriverError} ERR_TPM_DRIVER_SIGNATURE: it is of another scheme or hash
 */
export function rawSignature(signature: TpmtSignature, algorithm: SignatureAlgorithm): Uint8Array {
  const scheme = SCHEMES[algorithm.slice(0, 2) as keyof typeof SCHEMES];
  const hash = `SHA-${algorithm.slice(2)}`;
  if (signature.scheme !== scheme || signature.hash !== hash) {
    throw new TpmDriverError(
      'ERR_TPM_DRIVER_SIGNATURE',
      `expected a signature of ${scheme} with ${hash}, ` +
        `got ${signature.scheme} with ${signature.hash}`,
    );
  }
  if (signature.scheme !== 'ECDSA') return signature.signature;
  const size = ORDER_BYTES[algorithm] ?? 0;
  return concatBytes(padStart(signature.r, size), padStart(signature.s, size));
}

/** TPMs may leave leading zeros away. */
function padStart(number: Uint8Array, size: number): Uint8Array {
  if (number.length > size) {
    const message = `a number of ${number.length} bytes in a signature, at most ${size} fit`;
    throw new TpmDriverError('ERR_TPM_DRIVER_SIGNATURE', message);
  }
  const padded = new Uint8Array(size);
  padded.set(number, size - number.length);
  return padded;
}
