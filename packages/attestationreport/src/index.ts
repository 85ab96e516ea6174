export type {
  Measurer,
  PreparedMeasurement,
  SignatureAlgorithm,
  Signer,
  WaitOptions,
} from './contract.ts';
export type { ErrorCodeName } from './error-codes.ts';
export { ErrorCode, errorCodeName, errorCodeText } from './error-codes.ts';
export type { Finding } from './explain/finding.ts';
export { printable } from './explain/finding.ts';
export { findings } from './explain/findings.ts';
export type { Reason, ReasonId, Severity } from './explain/reason.ts';
export { REASONS, reasonLink } from './explain/reason.ts';
export { explain } from './explain.ts';
export type { GenerateOptions } from './generate.ts';
export { generate } from './generate.ts';
export type { DroppedMetadata, SelectedMetadata } from './select-metadata.ts';
export { selectMetadata } from './select-metadata.ts';
export type {
  EfiDevicePath,
  EfiLoadOption,
  EventData,
  GptHeader,
  GptPartitionEntry,
  ImageLoadEvent,
  PcClientTaggedEvent,
  SignatureDatabase,
  UefiCertificate,
  UefiConfigurationTable,
  UefiHandoffTablePointer,
  UefiHash,
  UefiPlatformFirmwareBlob,
  UefiVariableData,
  Uint64,
} from './types/event-data.ts';
export type {
  ImageDescription,
  Manifest,
  ManifestDescription,
  Metadata,
  MetaInfo,
  OmspRequest,
  OmspResponse,
  Sbom,
  SgxAttributes,
  SgxPolicy,
  SingleOmspResponse,
  SnpFirmware,
  SnpGuestPolicy,
  SnpGuestRequirement,
  SnpPlatformRequirement,
  SnpPolicy,
  SnpRequirements,
  SnpTcb,
  SnpVersion,
  TdAttributes,
  TdId,
  TdxPolicy,
  Validity,
} from './types/metadata.ts';
export type {
  Artifact,
  Collateral,
  Component,
  Context,
  CtrData,
  Evidence,
  IntelCollateral,
  JsonObject,
  JsonValue,
  Property,
  ReferenceHash,
  SwEvidence,
  UnverifiedReport,
  VerifiedReport,
} from './types/report.ts';
export type {
  AttestationResult,
  BooleanMatch,
  CompatibilityResult,
  DigestResult,
  Endpoint,
  MeasurementResult,
  MetadataResult,
  MetadataSummary,
  PkixExtension,
  QeReportResult,
  Result,
  SgxAttributesCheck,
  SgxResult,
  SignatureResult,
  SnpPolicyCheck,
  SnpResult,
  Status,
  TcbCheck,
  TcbInfoResult,
  TcbLevelResult,
  TdAttributesCheck,
  TdxResult,
  TpmResult,
  VersionCheck,
  X509CertExtracted,
  X509Name,
} from './types/result.ts';
export type { Serialization } from './types/serialization.ts';
export { parseImaKeys } from './verify/evidence/ima-keys.ts';
export type {
  MetadataVersionStore,
  TpmClock,
  TpmClockStore,
  Verification,
  VerifyOptions,
} from './verify/index.ts';
export { createNonce, MAX_NONCE_BYTES, MIN_NONCE_BYTES, verify } from './verify/index.ts';
