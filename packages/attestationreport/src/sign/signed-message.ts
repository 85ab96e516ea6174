import type { VerificationAlgorithm } from '../crypto/index.ts';
import type { ErrorCode } from '../error-codes.ts';
import type { Serialization } from '../types/serialization.ts';
import type { Certificate } from '../x509/index.ts';

/** A JWS or COSE_Sign message, decoded; nothing in it is verified. */
export interface SignedMessage {
  readonly serialization: Serialization;
  readonly payload: Uint8Array;
  readonly signatures: readonly MessageSignature[];
}

/** One signature of a message. */
export interface MessageSignature {
  /** As the message spells it; for people. */
  readonly algorithmName: string;
  /** Absent when it is not one that is accepted. */
  readonly algorithm: VerificationAlgorithm | undefined;
  readonly certificates: SignerCertificates | CertificatesProblem;
  readonly signature: Uint8Array;
  /** The bytes that are signed. */
  signedBytes(): Uint8Array;
}

/** Leaf first. */
export type SignerCertificates = readonly [Certificate, ...Certificate[]];

/** Why a signature has no usable certificates. */
export interface CertificatesProblem {
  readonly code: ErrorCode;
  readonly details: string;
}

/** Most signatures on one item. */
export const MAX_SIGNATURES = 16;
/** Most certificates with one signature. */
export const MAX_CERTIFICATES = 16;
