import { equalBytes } from '@cmc/bytes';
import type { HashName } from '../algorithms.ts';
import { decodeSpki, type PublicKey, publicKeyOf } from '../crypto/spki.ts';
import {
  schemeFitsKey,
  signingKeyProblem,
  verifyTpmtSignature,
} from '../crypto/verify-signature.ts';
import { decodeTpmsAttest, type TpmsAttest } from '../structures/attest.ts';
import { decodeTpmtPublic, type TpmtPublic } from '../structures/public-area.ts';
import { decodeTpmtSignature, type TpmtSignature } from '../structures/signature.ts';
import { attestationKeyProblem, difference } from './attestation-key.ts';
import { Checks } from './checks.ts';

/**
 * The key that signed: its public area, whose attributes are checked then; or a
 * SubjectPublicKeyInfo, whose certificate must say that it is an attestation key of a TPM.
 */
export type AttestationKey = { readonly publicArea: Uint8Array } | { readonly spki: Uint8Array };

/** What every verification of an attestation needs. */
export interface SignedAttestOptions {
  /** TPMS_ATTEST. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
  readonly key: AttestationKey;
  /** Hashes that the signature may use. Default: SHA-256, SHA-384, SHA-512. */
  readonly signatureHashes?: readonly HashName[];
}

/** An attestation with the checks so far. Nothing of it counts unless all are good. */
export interface SignedAttest<T extends TpmsAttest> {
  readonly checks: Checks;
  readonly attest?: T;
  readonly signature?: TpmtSignature;
}

const SIGNATURE_HASHES: readonly HashName[] = ['SHA-256', 'SHA-384', 'SHA-512'];

/** The checks of everything but what is attested to. */
export async function verifySignedAttest<T extends TpmsAttest['type']>(
  type: T,
  nonce: Uint8Array,
  options: SignedAttestOptions,
): Promise<SignedAttest<Extract<TpmsAttest, { readonly type: T }>>> {
  const checks = new Checks();
  const attest = checks.decode('attest', () => decodeTpmsAttest(options.attest));
  if (attest !== undefined) {
    checks.add('type', attest.type === type ? undefined : `expected ${type}, got ${attest.type}`);
  }
  const signature = checks.decode('signature-format', () => decodeTpmtSignature(options.signature));
  await checkSignature(checks, signature, options);
  if (attest !== undefined) {
    const isNonce = equalBytes(attest.extraData, nonce);
    checks.add('nonce', isNonce ? undefined : difference('nonce', nonce, attest.extraData));
  }
  return {
    checks,
    ...(isOfType(attest, type) ? { attest } : {}),
    ...(signature === undefined ? {} : { signature }),
  };
}

async function checkSignature(
  checks: Checks,
  signature: TpmtSignature | undefined,
  { attest, key: source, signatureHashes = SIGNATURE_HASHES }: SignedAttestOptions,
): Promise<void> {
  const area =
    'publicArea' in source
      ? checks.decode('key', () => decodeTpmtPublic(source.publicArea))
      : undefined;
  if ('publicArea' in source && area === undefined) return;
  const key = 'spki' in source ? checks.decode('key', () => decodeSpki(source.spki)) : keyOf(area);
  if (area !== undefined) checks.add('key-attributes', attestationKeyProblem(area));
  if (key === undefined || signature === undefined) {
    if (area !== undefined && key === undefined) checks.add('key', 'the public area holds no key');
    return;
  }
  checks.add(
    'signature-algorithm',
    signingKeyProblem(key) ?? algorithmProblem(key, area, signature, signatureHashes),
  );
  const isSigned = await verifyTpmtSignature(key, attest, signature);
  checks.add('signature', isSigned ? undefined : 'the key did not sign this attestation');
}

function keyOf(area: TpmtPublic | undefined): PublicKey | undefined {
  return area === undefined ? undefined : publicKeyOf(area);
}

function algorithmProblem(
  key: PublicKey,
  area: TpmtPublic | undefined,
  signature: TpmtSignature,
  hashes: readonly HashName[],
): string | undefined {
  const { scheme, hash } = signature;
  if (!schemeFitsKey(key, signature)) return `scheme ${scheme} for a key of type ${key.type}`;
  if (!hashes.includes(hash)) return `hash ${hash}, expected one of ${hashes.join(', ')}`;
  if (area?.scheme === undefined) return undefined;
  const isOfKey = area.scheme.scheme === scheme && area.scheme.hash === hash;
  return isOfKey ? undefined : `${scheme} with ${hash} is not the scheme of the key`;
}

function isOfType<T extends TpmsAttest['type']>(
  attest: TpmsAttest | undefined,
  type: T,
): attest is Extract<TpmsAttest, { readonly type: T }> {
  return attest?.type === type;
}
