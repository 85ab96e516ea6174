export type { DecodeOptions } from '@cmc/bytes';
export {
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_ITEMS,
  MAX_CONTAINER_ITEMS,
  MAX_DEPTH,
  parseJson,
} from '@cmc/bytes';
export type { DecodeCborOptions } from './cbor.ts';
export { decodeCbor, encodeCbor } from './cbor.ts';
export type { CborKey, CborValue } from './cbor-value.ts';
export { Float, Tagged } from './cbor-value.ts';
export {
  artifactSchema,
  componentSchema,
  ctrDataSchema,
  intelCollateralSchema,
} from './component-schema.ts';
export { eventDataSchema } from './event-data-schema.ts';
export { freeObject, ociSpec } from './json-object.ts';
export type { StringifyOptions } from './json-text.ts';
export { stringifyGoJson } from './json-text.ts';
export type { Kind } from './kind.ts';
export {
  bool,
  bytes,
  hex,
  int,
  list,
  mandatory,
  map,
  nullable,
  oneOf,
  repeated,
  text,
  uint8,
  uint16,
  uint32,
  uint64,
} from './kinds.ts';
export type { Decoded } from './message.ts';
export { decodeStruct, detectSerialization, encodeStruct } from './message.ts';
export type { CborMetadata } from './metadata-schema.ts';
export {
  cborMetadataSchema,
  imageDescriptionSchema,
  manifestDescriptionSchema,
  manifestSchema,
  metadataSchema,
  metaInfoSchema,
  omspRequestSchema,
  omspResponseSchema,
  sbomSchema,
  sgxPolicySchema,
  singleOmspResponseSchema,
  snpPolicySchema,
  tdxPolicySchema,
} from './metadata-schema.ts';
export type { DecodedReport } from './report.ts';
export {
  collateralSchema,
  contextSchema,
  decodeReport,
  encodeContext,
  encodeReport,
  evidenceSchema,
  swEvidenceSchema,
} from './report.ts';
export {
  attestationResultSchema,
  compatibilityResultSchema,
  digestResultSchema,
  measurementResultSchema,
  metadataResultSchema,
  resultSchema,
  signatureResultSchema,
} from './result-schema.ts';
export type {
  FieldKey,
  Fields,
  OptionalField,
  RequiredField,
  StructSchema,
} from './struct.ts';
export { field, optional, optionalInCbor, struct } from './struct.ts';
export { validitySchema, x509CertExtractedSchema } from './x509-schema.ts';
