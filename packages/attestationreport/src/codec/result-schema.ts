import type {
  AttestationResult,
  BooleanMatch,
  CompatibilityResult,
  DigestResult,
  Endpoint,
  MeasurementResult,
  MetadataResult,
  MetadataSummary,
  QeReportResult,
  Result,
  SgxAttributesCheck,
  SgxResult,
  SignatureResult,
  SnpPolicyCheck,
  SnpResult,
  TcbCheck,
  TcbInfoResult,
  TcbLevelResult,
  TdAttributesCheck,
  TdxResult,
  TpmResult,
  VersionCheck,
} from '../types/result.ts';
import { ctrDataSchema } from './component-schema.ts';
import { eventDataSchema } from './event-data-schema.ts';
import { bool, hex, int, list, nullable, text } from './kinds.ts';
import { metadataFields } from './metadata-schema.ts';
import { field, optional, optionalInCbor, type StructSchema, struct } from './struct.ts';
import { x509CertExtractedSchema } from './x509-schema.ts';

/** Outcome of one check. */
export const resultSchema: StructSchema<Result> = struct<Result>('Result', {
  // The reference format has no CBOR key for it, so that it goes by its name.
  status: field('status', text),
  got: optional(0, text),
  expected: optional(1, text),
  expectedOneOf: optional(2, list(text)),
  expectedBetween: optional(3, list(text)),
  errorCodes: optional(4, list(int)),
  details: optional(5, text),
});

/** Outcome of verifying one signature. */
export const signatureResultSchema: StructSchema<SignatureResult> = struct<SignatureResult>(
  'SignatureResult',
  {
    signatureVerification: field(0, resultSchema),
    certChainValidation: field(1, resultSchema),
    certs: optional(2, list(nullable(list(x509CertExtractedSchema)))),
  },
);

/** One measured or expected digest. */
export const digestResultSchema: StructSchema<DigestResult> = struct<DigestResult>('DigestResult', {
  success: field(0, bool),
  launched: field(1, bool),
  type: optional(2, text),
  name: optional(3, text),
  index: field(4, int),
  digest: optional(5, hex),
  hashAlg: optional(6, text),
  measured: optional(7, text),
  description: optional(8, text),
  eventData: optional(9, eventDataSchema),
  ctrDetails: optional(10, ctrDataSchema),
  version: optional(11, text),
  purl: optional(12, text),
  // An addition to the reference format, by name also in CBOR.
  imaKeyId: optional('imaKeyId', text),
});

const versionCheckSchema = struct<VersionCheck>('VersionCheck', {
  success: field(0, bool),
  claimed: field(1, nullable(list(int))),
  measured: field(2, nullable(list(int))),
});

const booleanMatchSchema = struct<BooleanMatch>('BooleanMatch', {
  success: field(0, bool),
  claimed: field(1, bool),
  measured: field(2, bool),
});

const tpmResultSchema = struct<TpmResult>('TpmResult', {
  pcrMatch: field(0, nullable(list(digestResultSchema))),
  aggPcrQuoteMatch: field(1, resultSchema),
});

const tcbCheckSchema = struct<TcbCheck>('TcbCheck', {
  result: field(0, resultSchema),
  fmc: field(5, versionCheckSchema),
  bl: field(1, versionCheckSchema),
  tee: field(2, versionCheckSchema),
  snp: field(3, versionCheckSchema),
  ucode: field(4, versionCheckSchema),
});

const snpPolicyCheckSchema = struct<SnpPolicyCheck>('SnpPolicyCheck', {
  result: field(0, resultSchema),
  abi: field(1, versionCheckSchema),
  smt: field(2, booleanMatchSchema),
  migration: field(3, booleanMatchSchema),
  debug: field(4, booleanMatchSchema),
  singleSocket: field(5, booleanMatchSchema),
});

const snpResultSchema = struct<SnpResult>('SnpResult', {
  reportVersionMatch: field(0, resultSchema),
  fwCheck: field(1, versionCheckSchema),
  tcbCheck: field(2, tcbCheckSchema),
  policyCheck: field(3, snpPolicyCheckSchema),
  extensionsCheck: field(4, nullable(list(resultSchema))),
});

const tcbLevelResultSchema = struct<TcbLevelResult>('TcbLevelResult', {
  status: field(5, text),
  date: field(6, text),
  pceSvn: field(7, resultSchema),
  sgxComponents: field(8, nullable(list(resultSchema))),
  tdxComponents: field(9, nullable(list(resultSchema))),
});

const tcbInfoResultSchema = struct<TcbInfoResult>('TcbInfoResult', {
  summary: field(0, resultSchema),
  id: field(1, resultSchema),
  version: field(2, resultSchema),
  tcbLevelResult: field(3, tcbLevelResultSchema),
});

const qeReportResultSchema = struct<QeReportResult>('QeReportResult', {
  summary: field(0, resultSchema),
  mrsigner: field(1, resultSchema),
  isvProdId: field(2, resultSchema),
  cpuSvn: field(3, resultSchema),
  isvSvn: field(4, resultSchema),
  miscSelect: field(5, resultSchema),
  attributes: field(6, resultSchema),
  status: field(7, text),
  date: field(8, text),
});

const sgxAttributesCheckSchema = struct<SgxAttributesCheck>('SgxAttributesCheck', {
  initted: field(0, booleanMatchSchema),
  debug: field(1, booleanMatchSchema),
  mode64Bit: field(2, booleanMatchSchema),
  provisionKey: field(3, booleanMatchSchema),
  eInitToken: field(4, booleanMatchSchema),
  kss: field(5, booleanMatchSchema),
  legacy: field(6, booleanMatchSchema),
  avx: field(7, booleanMatchSchema),
});

const sgxResultSchema = struct<SgxResult>('SgxResult', {
  quoteVersionMatch: field(0, resultSchema),
  tcbInfoCheck: field(1, tcbInfoResultSchema),
  qeReportCheck: field(2, qeReportResultSchema),
  sgxAttributesCheck: field(3, sgxAttributesCheckSchema),
});

const tdAttributesCheckSchema = struct<TdAttributesCheck>('TdAttributesCheck', {
  debug: field(0, booleanMatchSchema),
  septVEDisable: field(1, booleanMatchSchema),
  pks: field(2, booleanMatchSchema),
  kl: field(3, booleanMatchSchema),
});

const tdxResultSchema = struct<TdxResult>('TdxResult', {
  quoteVersionMatch: field(0, resultSchema),
  tcbInfoCheck: field(1, tcbInfoResultSchema),
  qeReportCheck: field(2, qeReportResultSchema),
  tdAttributesCheck: field(3, tdAttributesCheckSchema),
  seamAttributesCheck: field(4, resultSchema),
  xfamCheck: field(5, resultSchema),
  mrMatch: field(6, nullable(list(digestResultSchema))),
});

/** Outcome for one evidence. */
export const measurementResultSchema: StructSchema<MeasurementResult> = struct<MeasurementResult>(
  'MeasurementResult',
  {
    type: field(0, text),
    summary: field(1, resultSchema),
    freshness: field(2, resultSchema),
    signature: field(3, signatureResultSchema),
    artifacts: optional(4, list(digestResultSchema)),
    tpmResult: optional(5, tpmResultSchema),
    snpResult: optional(6, snpResultSchema),
    sgxResult: optional(7, sgxResultSchema),
    tdxResult: optional(8, tdxResultSchema),
  },
);

/** How image description and manifests fit together. */
export const compatibilityResultSchema: StructSchema<CompatibilityResult> =
  struct<CompatibilityResult>('CompatibilityResult', {
    result: field(0, resultSchema),
    descriptionMatch: optional(1, list(resultSchema)),
    manifestMatch: optional(2, list(resultSchema)),
    manifestCompatibility: optional(3, list(resultSchema)),
  });

/** One metadata item and what the verifier says about it. */
export const metadataResultSchema: StructSchema<MetadataResult> = struct<MetadataResult>(
  'MetadataResult',
  {
    ...metadataFields,
    summary: field(40, resultSchema),
    validityCheck: field(41, resultSchema),
    signatureValidation: optional(42, list(signatureResultSchema)),
    manifestHash: optional(50, text),
    omspValidity: optional(51, resultSchema),
    omspStatus: optional(52, resultSchema),
    revocationTime: optional(53, text),
    revocationReason: optional(54, text),
  },
);

const metadataSummarySchema = struct<MetadataSummary>('MetadataSummary', {
  imageDescriptionResult: field(0, metadataResultSchema),
  manifestResults: field(1, nullable(list(metadataResultSchema))),
  companyDescriptionResult: optional(2, metadataResultSchema),
  unknownResults: optional(3, list(metadataResultSchema)),
  compatibilityResult: field(4, compatibilityResultSchema),
  omspSignatureResults: optional(5, list(metadataResultSchema)),
});

const endpointSchema = struct<Endpoint>('Endpoint', {
  hostname: optional(0, text),
  ip: optional(1, text),
  peerId: optional(2, text),
});

/** What the verifier says about one report. */
export const attestationResultSchema: StructSchema<AttestationResult> = struct<AttestationResult>(
  'AttestationResult',
  {
    version: field(0, text),
    type: field(1, text),
    summary: field(2, resultSchema),
    prover: field(3, endpointSchema),
    verifier: optionalInCbor(4, endpointSchema),
    created: optional(5, text),
    freshness: field(6, resultSchema),
    certLevel: field(7, int),
    measurements: field(8, nullable(list(measurementResultSchema))),
    metadata: field(9, metadataSummarySchema),
  },
);
