import { toHex } from '@cmc/bytes';
import { TPMA_OBJECT, type TpmtPublic } from '../structures/public-area.ts';

const REQUIRED = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'sign'] as const;

/** Why an object is not accepted that two public areas could have the name of. */
export const SHA1_NAME = 'its name is made with SHA-1';

/** Names of attributes of an object. */
export type ObjectAttribute = keyof typeof TPMA_OBJECT;

/**
 * Why an object is no attestation key, or `undefined` when it is one: a key that never leaves its
 * TPM, was made by it, and signs nothing but what the TPM says about itself. A key without
 * `restricted` can sign any forged attestation.
 */
export function attestationKeyProblem(area: TpmtPublic): string | undefined {
  if (area.type === 'KEYEDHASH') return 'not an asymmetric key';
  if (area.nameAlg === 'SHA-1') return SHA1_NAME;
  if ((area.attributes & TPMA_OBJECT.decrypt) !== 0) return 'the key also decrypts';
  return missingAttributes(area, REQUIRED);
}

/** Which of `required` an object lacks, or `undefined` when it has all. */
export function missingAttributes(
  area: TpmtPublic,
  required: readonly ObjectAttribute[],
): string | undefined {
  const missing = required.filter((name) => (area.attributes & TPMA_OBJECT[name]) === 0);
  return missing.length === 0 ? undefined : `lacks ${missing.join(', ')}`;
}

/** Sentence about two byte strings that should be equal. */
export function difference(what: string, expected: Uint8Array, got: Uint8Array): string {
  return `${what}: expected ${toHex(expected)}, got ${toHex(got)}`;
}
