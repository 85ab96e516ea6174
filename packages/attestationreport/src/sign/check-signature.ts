import { keyProblem, verifySignature } from '../crypto/index.ts';
import { ErrorCode } from '../error-codes.ts';
import type { Result, SignatureResult, X509CertExtracted } from '../types/result.ts';
import {
  type Certificate,
  type ChainPurpose,
  extractCertificate,
  verifyChain,
} from '../x509/index.ts';
import type { CertificatesProblem, MessageSignature } from './signed-message.ts';

/** What makes a signature trustworthy. */
export type SignatureTrust =
  /** It comes with certificates that lead to one of these. */
  | { readonly roots: readonly Certificate[] }
  /** Its key is known: SubjectPublicKeyInfo, DER. Certificates in the item are not looked at. */
  | { readonly publicKey: Uint8Array };

/** How to check a signature. */
export interface CheckOptions {
  readonly trust: SignatureTrust;
  readonly now: Date;
  readonly purpose: ChainPurpose;
  /** Whether the result shows the certificates of an untrusted chain and what they verify. */
  readonly untrusted: 'left out' | 'shown';
}

/** What came of one signature. */
export interface CheckedSignature {
  readonly result: SignatureResult;
  /** Whether its key is trusted. */
  readonly trusted: boolean;
  /** The key that the signature verifies with, trusted or not; absent when it does not verify. */
  readonly key?: Uint8Array;
}

const NOT_REACHED: Result = Object.freeze({ status: '' });
const PASSED: Result = Object.freeze({ status: 'success' });

interface TrustedKey {
  readonly trusted: boolean;
  readonly key?: Uint8Array;
  readonly certChainValidation: Result;
  readonly certs?: readonly (readonly X509CertExtracted[])[];
}

/** Checks who made a signature, and then the signature, with the key of whoever claims to have. */
export async function checkSignature(
  signature: MessageSignature,
  options: CheckOptions,
): Promise<CheckedSignature> {
  const { trusted, key, certChainValidation, certs } = await findKey(signature, options);
  const signatureVerification = key === undefined ? NOT_REACHED : await checkBytes(signature, key);
  return {
    result: {
      signatureVerification,
      certChainValidation,
      ...(certs === undefined ? {} : { certs }),
    },
    trusted,
    ...(key !== undefined && signatureVerification === PASSED ? { key } : {}),
  };
}

async function findKey(
  { certificates }: MessageSignature,
  { trust, now, purpose, untrusted }: CheckOptions,
): Promise<TrustedKey> {
  if ('publicKey' in trust) {
    return { trusted: true, key: trust.publicKey, certChainValidation: NOT_REACHED };
  }
  if (isProblem(certificates)) {
    const { code, details } = certificates;
    return { trusted: false, certChainValidation: failed(code, details) };
  }
  const [leaf, ...intermediates] = certificates;
  const { roots } = trust;
  const chain = await verifyChain({ leaf, intermediates, roots, now, purpose });
  if (chain.ok) {
    const certs = chain.chains.map((list) => list.map(extractCertificate));
    return { trusted: true, key: leaf.spki, certChainValidation: PASSED, certs };
  }
  const certChainValidation = failed(ErrorCode.VerifyCertChain, chain.reason);
  if (untrusted === 'left out') return { trusted: false, certChainValidation };
  const certs = [certificates.map(extractCertificate)];
  return { trusted: false, key: leaf.spki, certChainValidation, certs };
}

async function checkBytes(signature: MessageSignature, key: Uint8Array): Promise<Result> {
  const { algorithm, algorithmName } = signature;
  if (algorithm === undefined) {
    const details = `algorithm ${JSON.stringify(algorithmName.slice(0, 32))} is not accepted`;
    return failed(ErrorCode.UnsupportedAlgorithm, details);
  }
  const problem = keyProblem(key, algorithm);
  if (problem !== undefined) return failed(ErrorCode.UnsupportedAlgorithm, problem);
  return (await verifySignature(key, algorithm, signature.signedBytes(), signature.signature))
    ? PASSED
    : failed(ErrorCode.VerifySignature, 'the signature does not verify');
}

function isProblem(
  certificates: MessageSignature['certificates'],
): certificates is CertificatesProblem {
  return 'code' in certificates;
}

function failed(code: ErrorCode, details: string): Result {
  return { status: 'fail', errorCodes: [code], details };
}
