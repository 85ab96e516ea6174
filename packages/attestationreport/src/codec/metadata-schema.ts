import type {
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
  SnpPolicy,
  SnpTcb,
  SnpVersion,
  TdAttributes,
  TdId,
  TdxPolicy,
} from '../types/metadata.ts';
import { componentSchema } from './component-schema.ts';
import { freeObject } from './json-object.ts';
import { bool, hex, int, list, nullable, text, uint8, uint32 } from './kinds.ts';
import { type Fields, field, optional, type StructSchema, struct } from './struct.ts';
import { validitySchema } from './x509-schema.ts';

/** Bill of materials with reference values. */
export const sbomSchema: StructSchema<Sbom> = struct<Sbom>('Sbom', {
  bomFormat: field(0, text),
  specVersion: field(1, text),
  version: optional(2, int),
  components: optional(3, list(componentSchema)),
});

const snpGuestPolicySchema = struct<SnpGuestPolicy>('SnpGuestPolicy', {
  type: field(0, text),
  singleSocket: field(1, bool),
  debug: field(2, bool),
  migration: field(3, bool),
  smt: field(4, bool),
  abiMajor: field(5, uint8),
  abiMinor: field(6, uint8),
});

const snpFirmwareSchema = struct<SnpFirmware>('SnpFirmware', {
  build: field(0, uint8),
  major: field(1, uint8),
  minor: field(2, uint8),
});

const snpTcbSchema = struct<SnpTcb>('SnpTcb', {
  fmc: field(0, uint8),
  bl: field(1, uint8),
  tee: field(2, uint8),
  snp: field(3, uint8),
  ucode: field(4, uint8),
});

const snpVersionSchema = struct<SnpVersion>('SnpVersion', {
  name: field(0, text),
  fw: field(1, snpFirmwareSchema),
  tcb: field(2, snpTcbSchema),
});

/** What AMD SEV-SNP reports must say. */
export const snpPolicySchema: StructSchema<SnpPolicy> = struct<SnpPolicy>('SnpPolicy', {
  reportMinVersion: field(0, uint32),
  reportMaxVersion: field(1, uint32),
  policy: field(2, snpGuestPolicySchema),
  versions: field(3, nullable(list(snpVersionSchema))),
  // Not in the reference format: names as keys cannot meet numbers that it may use later.
  vmpl: optional('vmpl', uint8),
  guestSvn: optional('guestSvn', uint32),
  familyId: optional('familyId', hex),
  imageId: optional('imageId', hex),
  hostData: optional('hostData', hex),
  idKeyDigests: optional('idKeyDigests', list(hex)),
  authorKeyDigests: optional('authorKeyDigests', list(hex)),
  allowCxl: optional('allowCxl', bool),
  requiredGuestPolicy: optional('requiredGuestPolicy', list(text)),
  requiredPlatform: optional('requiredPlatform', list(text)),
  launchMitigations: optional('launchMitigations', hex),
  currentMitigations: optional('currentMitigations', hex),
  allowProvisionalFirmware: optional('allowProvisionalFirmware', bool),
  cspIds: optional('cspIds', list(text)),
  deniedGenerations: optional('deniedGenerations', list(text)),
  deniedChips: optional('deniedChips', list(hex)),
  allowedChips: optional('allowedChips', list(hex)),
});

const tdIdSchema = struct<TdId>('TdId', {
  mrOwner: field(0, hex),
  mrOwnerConfig: field(1, hex),
  mrConfigId: field(2, hex),
});

const tdAttributesSchema = struct<TdAttributes>('TdAttributes', {
  debug: field(0, bool),
  septVEDisable: field(1, bool),
  pks: field(2, bool),
  kl: field(3, bool),
});

/** What Intel TDX quotes must say. */
export const tdxPolicySchema: StructSchema<TdxPolicy> = struct<TdxPolicy>('TdxPolicy', {
  quoteVersion: field(0, int),
  tdId: field(1, tdIdSchema),
  xfam: field(2, hex),
  tdAttributes: field(3, tdAttributesSchema),
  acceptedTcbStatuses: optional(4, list(text)),
});

const sgxAttributesSchema = struct<SgxAttributes>('SgxAttributes', {
  initted: field(0, bool),
  debug: field(1, bool),
  mode64Bit: field(2, bool),
  provisionKey: field(3, bool),
  eInitToken: field(4, bool),
  kss: field(5, bool),
  legacy: field(6, bool),
  avx: field(7, bool),
});

/** What Intel SGX quotes must say. */
export const sgxPolicySchema: StructSchema<SgxPolicy> = struct<SgxPolicy>('SgxPolicy', {
  quoteVersion: field(0, int),
  mrSigner: field(2, hex),
  isvSvn: field(3, int),
  attributes: field(4, sgxAttributesSchema),
  acceptedTcbStatuses: optional(5, list(text)),
});

/** What runs on an image, by manifest. */
export const manifestDescriptionSchema: StructSchema<ManifestDescription> =
  struct<ManifestDescription>('ManifestDescription', {
    type: field(0, text),
    name: field(1, text),
    description: optional(2, text),
    manifest: optional(3, text),
    ociRules: optional(4, freeObject),
  });

/** Revocation status of one manifest. */
export const singleOmspResponseSchema: StructSchema<SingleOmspResponse> =
  struct<SingleOmspResponse>('SingleOmspResponse', {
    manifestHash: field(0, text),
    status: field(1, text),
    thisUpdate: field(2, text),
    nextUpdate: optional(3, text),
    revocationTime: optional(4, text),
    revocationReason: optional(5, text),
  });

const metaInfoFields: Fields<MetaInfo> = {
  type: field(0, text),
  name: optional(1, text),
  version: optional(2, text),
  validity: optional(3, validitySchema),
  description: optional(4, text),
};

const manifestFields: Fields<Manifest> = {
  sbom: optional(10, sbomSchema),
  developerCommonName: optional(11, text),
  baseLayers: optional(12, list(text)),
  certLevel: optional(13, int),
  caFingerprints: optional(14, list(text)),
  snpPolicy: optional(15, snpPolicySchema),
  tdxPolicy: optional(16, tdxPolicySchema),
  sgxPolicy: optional(17, sgxPolicySchema),
  details: optional(18, freeObject),
  omspServer: optional(20, text),
};

const imageDescriptionFields: Fields<ImageDescription> = {
  location: optional(20, text),
  descriptions: optional(21, list(manifestDescriptionSchema)),
};

const omspResponseFields: Fields<OmspResponse> = {
  server: optional(30, text),
  producedAt: optional(31, text),
  responses: optional(32, list(singleOmspResponseSchema)),
};

/** Members of all kinds of metadata, for structures that have them flat. */
export const metadataFields: Fields<Metadata> = {
  ...metaInfoFields,
  ...manifestFields,
  ...imageDescriptionFields,
  ...omspResponseFields,
  // Both have key 20. In one flat structure the reference codec drops both, in either direction.
  omspServer: optional(undefined, text),
  location: optional(undefined, text),
};

/** Metadata of any kind, as CBOR has them. */
export interface CborMetadata extends Metadata {
  readonly serverOrLocation?: string;
}

/** Payload of a signed metadata item of any kind. */
export const metadataSchema: StructSchema<Metadata> = struct<Metadata>('Metadata', metadataFields);
/**
 * As {@link metadataSchema}, for CBOR only: one key stands for the OMSP server of a manifest and for
 * the location of an image description, and the type decides.
 */
export const cborMetadataSchema: StructSchema<CborMetadata> = struct<CborMetadata>('Metadata', {
  ...metadataFields,
  serverOrLocation: optional(20, text),
});
/** The members that every kind of metadata begins with, alone. */
export const metaInfoSchema: StructSchema<MetaInfo> = struct<MetaInfo>('MetaInfo', metaInfoFields);
/** The members of manifests, alone. */
export const manifestSchema: StructSchema<Manifest> = struct<Manifest>('Manifest', manifestFields);
/** The members of image descriptions, alone. */
export const imageDescriptionSchema: StructSchema<ImageDescription> = struct<ImageDescription>(
  'ImageDescription',
  imageDescriptionFields,
);
/** The members of OMSP responses, alone. */
export const omspResponseSchema: StructSchema<OmspResponse> = struct<OmspResponse>(
  'OmspResponse',
  omspResponseFields,
);
export const omspRequestSchema: StructSchema<OmspRequest> = struct<OmspRequest>('OmspRequest', {
  arVersion: field(0, text),
  requests: field(1, list(text)),
});
