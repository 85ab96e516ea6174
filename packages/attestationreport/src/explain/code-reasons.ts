import { ErrorCode, type ErrorCodeName, errorCodeName } from '../error-codes.ts';
import { BOOT_AGGREGATE_MISMATCH, BOOT_AGGREGATE_UNCHECKED } from '../verify/note-texts.ts';
import type { ReasonId } from './reason.ts';

/** The part of a result that a code stands in; some codes mean different things in different parts. */
export type Area = 'report' | 'metadata' | 'unknown metadata' | 'revocation' | 'evidence';

const REASONS_OF_CODES: Readonly<Record<ErrorCodeName, ReasonId>> = {
  NotSpecified: 'unspecified',
  CaFingerprint: 'vendor-root-not-listed',
  CRLCheckRoot: 'vendor-certificate-revoked',
  CRLCheckPCK: 'vendor-certificate-revoked',
  CRLCheckSigningCert: 'vendor-certificate-revoked',
  DecodeCertChain: 'certificate-unreadable',
  UnknownSerialization: 'report-unreadable',
  DownloadRootCRL: 'vendor-list-unavailable',
  DownloadPCKCRL: 'vendor-list-unavailable',
  EvidenceLength: 'evidence-malformed',
  EvidenceType: 'evidence-duplicate',
  Expired: 'metadata-expired',
  ExtractPubKey: 'key-unusable',
  Internal: 'verifier-failed',
  InvalidCertLevel: 'level-without-hardware',
  JWSNoSignatures: 'signature-missing',
  JWSSignatureOrder: 'signature-order',
  JWSPayload: 'signature-payload',
  JWSNoKeyOrCert: 'signer-unknown',
  JWSUnknownVerifierType: 'signer-unknown',
  COSENoSignatures: 'signature-missing',
  COSEUnknownVerifierType: 'signer-unknown',
  MeasurementNoMatch: 'measurement-mismatch',
  MeasurementTypeNotSupported: 'evidence-unsupported',
  NotPresent: 'evidence-missing',
  NotYetValid: 'metadata-not-yet-valid',
  OidLength: 'certificate-extension',
  OidNotPresent: 'certificate-extension',
  OidTag: 'certificate-extension',
  Parse: 'evidence-malformed',
  ParseAR: 'report-malformed',
  ParseX5C: 'certificate-unreadable',
  ParseCA: 'certificate-unreadable',
  ParseCAFingerprint: 'ca-fingerprint-malformed',
  ParseCert: 'certificate-unreadable',
  ParseTcbInfo: 'intel-tcb-info',
  ParseJSON: 'metadata-unreadable',
  ParseCBOR: 'metadata-unreadable',
  ParseMetadata: 'metadata-unreadable',
  ParseEvidence: 'evidence-malformed',
  ParseExtensions: 'certificate-extension',
  ParseQEIdentity: 'intel-qe-identity',
  ParseTime: 'time-malformed',
  PolicyEngineNotImplemented: 'policy-engine-missing',
  RefValTypeNotSupported: 'reference-anchor',
  SetupSystemCA: 'no-trusted-roots',
  SgxFmpcMismatch: 'intel-tcb-info',
  SgxPceidMismatch: 'intel-tcb-info',
  SignatureLength: 'signature-invalid',
  PolicyNotPresent: 'manifest-policy-missing',
  RefValMultiple: 'reference-duplicate',
  RefValNotPresent: 'reference-missing',
  RefValType: 'reference-malformed',
  RefValNoMatch: 'reference-mismatch',
  TcbInfoExpired: 'intel-tcb-info',
  TcbLevelUnsupported: 'intel-tcb-level',
  TcbLevelRevoked: 'intel-tcb-level',
  UnsupportedAlgorithm: 'algorithm-unsupported',
  VerifyAR: 'report-signature',
  VerifyCertChain: 'signer-untrusted',
  VerifyPCKChain: 'intel-chain',
  VerifyMetadata: 'metadata-incomplete',
  VerifyPolicies: 'policy-denied',
  VerifyQEIdentityErr: 'intel-qe-identity',
  VerifySignature: 'signature-invalid',
  VerifyTCBChain: 'intel-chain',
  VerifyTcbInfo: 'intel-tcb-info',
  VerifyMeasurement: 'measurement-unverified',
  ExtensionsCheck: 'certificate-extension',
  PcrNotSpecified: 'pcr-without-reference',
  ImageDescriptionNotPresent: 'image-description-missing',
  UnknownMetadata: 'metadata-duplicate',
  InvalidVersion: 'report-version',
  NoRootManifest: 'root-manifest-missing',
  MultipleRootManifests: 'root-manifest-multiple',
  VerifyEvidence: 'evidence-signature',
  VerifyAggregatedSwHash: 'software-log-altered',
  CollateralNotPresent: 'collateral-missing',
  ParseCollateral: 'collateral-malformed',
  IllegalTdxMrIndex: 'tdx-quote',
  ParseKey: 'key-unusable',
  ExtractPayload: 'metadata-unreadable',
  TdxVerification: 'tdx-quote',
  Freshness: 'nonce-mismatch',
  UnsupportedContextHashAlg: 'context-hash-unsupported',
  CalculateContextHash: 'context-hash-unsupported',
  ManifestRevoked: 'manifest-revoked',
  ManifestRevocationUnknown: 'revocation-unknown',
  ManifestOutdated: 'manifest-outdated',
};

const EXCEPTIONS: Readonly<Record<Area, Readonly<Partial<Record<ErrorCodeName, ReasonId>>>>> = {
  report: {},
  metadata: {
    NotPresent: 'validity-missing',
    ManifestOutdated: 'metadata-rolled-back',
    UnknownSerialization: 'metadata-unreadable',
  },
  'unknown metadata': {
    NotPresent: 'validity-missing',
    UnknownMetadata: 'metadata-unknown-type',
    UnknownSerialization: 'metadata-unreadable',
  },
  revocation: {
    Expired: 'revocation-status-expired',
    NotYetValid: 'revocation-status-not-yet-valid',
    UnknownSerialization: 'metadata-unreadable',
  },
  evidence: {
    VerifySignature: 'evidence-signature',
    VerifyCertChain: 'evidence-chain',
    UnknownSerialization: 'evidence-malformed',
    ParseJSON: 'evidence-malformed',
    ParseCBOR: 'evidence-malformed',
    NotPresent: 'reference-missing',
    Freshness: 'evidence-nonce-mismatch',
  },
};

/** How the policy engine begins when a script did not come to a verdict. */
const POLICY_FAILURES: readonly string[] = [
  'it ',
  'its completion value is of type',
  'the policy ',
  'the sandbox ',
  'the attestation result has ',
  'too many policies ',
];
/** Verdicts, and so no failures, that begin like one. */
const POLICY_DENIAL = 'the policy overwrote the result with a failure';
const POLICY_WARNING = 'the policy overwrote the result with a warning';

/** The reason behind a code; `text` is the line of the result's details for it. */
export function reasonOfCode(code: number, area: Area, text = ''): ReasonId {
  switch (code) {
    case ErrorCode.VerifyPolicies:
      if (text === POLICY_WARNING) return 'policy-overwrote';
      if (text === POLICY_DENIAL) return 'policy-denied';
      return POLICY_FAILURES.some((start) => text.startsWith(start))
        ? 'policy-failed'
        : 'policy-denied';
    case ErrorCode.VerifyMeasurement:
      return text.startsWith('no collateral') ? 'collateral-missing' : 'measurement-unverified';
    case ErrorCode.MeasurementNoMatch:
      if (text.startsWith(BOOT_AGGREGATE_MISMATCH)) return 'boot-aggregate-mismatch';
      if (text.startsWith(BOOT_AGGREGATE_UNCHECKED)) return 'boot-aggregate-unchecked';
      break;
    case ErrorCode.PcrNotSpecified:
      if (/^PCR \d+: /.test(text)) return 'pcr-log-malformed';
      if (/\b(quoted|reported)\b/.test(text)) return 'pcr-not-reported';
      break;
    case ErrorCode.Freshness:
      if (/^the (clock of the )?TPM /.test(text)) return 'tpm-clock-backwards';
      break;
    case ErrorCode.VerifyCertChain:
      // The chain does not verify now, but it would at another time.
      if (text.includes(': valid until ')) return 'signer-certificate-expired';
      if (text.includes(': valid from ')) return 'signer-certificate-not-yet-valid';
      break;
    default:
  }
  const name = errorCodeName(code);
  return name === undefined ? 'unspecified' : (EXCEPTIONS[area][name] ?? REASONS_OF_CODES[name]);
}
