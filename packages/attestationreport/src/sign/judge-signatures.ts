import { equalBytes } from '@cmc/bytes';
import { ErrorCode } from '../error-codes.ts';
import type { Result, SignatureResult } from '../types/result.ts';
import type { CheckedSignature } from './check-signature.ts';
import type { SignedItem } from './signed-item.ts';
import type { SignedMessage } from './signed-message.ts';

/** Codes of single signatures that also stand in the summary of the item. */
const SUMMARY_CODES: readonly number[] = [
  ErrorCode.DecodeCertChain,
  ErrorCode.UnsupportedAlgorithm,
];

/** The verdict on a message from what came of its signatures. */
export function judgeSignatures(
  message: SignedMessage,
  checked: readonly CheckedSignature[],
  minimumSigners: number,
): SignedItem {
  const { serialization, payload } = message;
  const isJws = serialization === 'json';
  const signatures = isJws ? checked.map(({ result }) => result) : coseResults(checked);
  const errorCodes = [
    ...(checked.length > 0 ? [] : [isJws ? ErrorCode.JWSNoSignatures : ErrorCode.COSENoSignatures]),
    ...signatures.flatMap(codesOf).filter((code) => SUMMARY_CODES.includes(code)),
    ...(isJws ? jwsCodes(checked) : []),
  ];
  const signers = countKeys(checked);
  const enough = signers >= minimumSigners;
  const verified = checked.every(({ trusted, key }) => trusted && key !== undefined);
  if (verified && enough && errorCodes.length === 0) {
    return { ok: true, payload, serialization, signatures, errorCodes };
  }
  if (verified && !enough && checked.length > 0) errorCodes.push(ErrorCode.VerifySignature);
  const details =
    firstDetails(checked) ??
    (checked.length === 0
      ? 'there is no signature'
      : `signed with ${signers} different keys, expected at least ${minimumSigners}, each once`);
  return { ok: false, serialization, signatures, errorCodes, details };
}

// The results of COSE show no single failed signature: when one does not verify, none does.
function coseResults(checked: readonly CheckedSignature[]): readonly SignatureResult[] {
  const results = checked.map(({ result }) => result);
  if (checked.every(({ key }) => key !== undefined)) return results;
  return results.map((result) => ({
    ...result,
    signatureVerification: alsoFailed(result.signatureVerification),
  }));
}

function alsoFailed(result: Result): Result {
  const codes = result.errorCodes ?? [];
  const { VerifySignature } = ErrorCode;
  return {
    details: 'not all signatures verify',
    ...result,
    status: 'fail',
    errorCodes: codes.includes(VerifySignature) ? codes : [...codes, VerifySignature],
  };
}

/**
 * The n-th signature of a JWS must be the first that verifies with the key of the n-th signer: a key
 * that has signed twice, or that has not signed, is out of order. All must cover the same payload,
 * which those that do not verify do not.
 */
function jwsCodes(checked: readonly CheckedSignature[]): readonly number[] {
  const codes: number[] = [];
  for (const [index, { trusted, key }] of checked.entries()) {
    if (!trusted) continue;
    const first = checked.findIndex((other) => isSameKey(other.key, key));
    if (key === undefined || first !== index) codes.push(ErrorCode.JWSSignatureOrder);
    const previous = checked[index - 1];
    if (previous !== undefined && (previous.key === undefined) !== (key === undefined)) {
      codes.push(ErrorCode.JWSPayload);
    }
  }
  return codes;
}

function countKeys(checked: readonly CheckedSignature[]): number {
  const keys = checked.flatMap(({ trusted, key }) => (trusted && key !== undefined ? [key] : []));
  return keys.filter((key, index) => keys.findIndex((other) => equalBytes(other, key)) === index)
    .length;
}

function isSameKey(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && equalBytes(a, b);
}

function codesOf({
  signatureVerification,
  certChainValidation,
}: SignatureResult): readonly number[] {
  return [...(certChainValidation.errorCodes ?? []), ...(signatureVerification.errorCodes ?? [])];
}

function firstDetails(checked: readonly CheckedSignature[]): string | undefined {
  for (const [index, { result }] of checked.entries()) {
    const details = result.certChainValidation.details ?? result.signatureVerification.details;
    if (details !== undefined) return `signature ${index + 1}: ${details}`;
  }
  return undefined;
}
