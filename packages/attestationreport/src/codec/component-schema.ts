import type {
  Artifact,
  Component,
  CtrData,
  IntelCollateral,
  Property,
  ReferenceHash,
} from '../types/report.ts';
import { eventDataSchema } from './event-data-schema.ts';
import { ociSpec } from './json-object.ts';
import { bool, bytes, hex, int, list, nullable, repeated, text } from './kinds.ts';
import { field, optional, type StructSchema, struct } from './struct.ts';

const referenceHashSchema = struct<ReferenceHash>('ReferenceHash', {
  alg: field(0, text),
  content: field(1, hex),
});

const propertySchema = struct<Property>('Property', {
  name: field(0, text),
  value: field(1, text),
});

/** Configuration and root file system of a container. */
export const ctrDataSchema: StructSchema<CtrData> = struct<CtrData>('CtrData', {
  configSha256: field(0, hex),
  rootfsSha256: field(1, hex),
  ociSpec: optional('ociSpec', ociSpec),
});

/** Collateral of Intel TDX and SGX. */
export const intelCollateralSchema: StructSchema<IntelCollateral> = struct<IntelCollateral>(
  'IntelCollateral',
  {
    tcbInfo: field(0, nullable(bytes)),
    qeIdentity: field(1, nullable(bytes)),
    rootCaCrl: field(2, nullable(bytes)),
    pckCrl: field(3, nullable(bytes)),
    pckCrlIntermediateCert: field(4, nullable(bytes)),
    pckCrlRootCert: field(5, nullable(bytes)),
    tcbInfoIntermediateCert: field(6, nullable(bytes)),
    tcbInfoRootCert: field(7, nullable(bytes)),
    qeIdentityIntermediateCert: field(8, nullable(bytes)),
    qeIdentityRootCert: field(9, nullable(bytes)),
  },
);

/** A measured or a reference component. */
export const componentSchema: StructSchema<Component> = struct<Component>('Component', {
  type: field(0, text),
  name: field(1, text),
  hashes: optional(2, list(referenceHashSchema)),
  version: optional(3, text),
  optional: optional(4, bool),
  description: optional(5, text),
  properties: optional(6, repeated(list(propertySchema))),
  eventdata: optional(7, eventDataSchema),
  ctrData: optional(8, ctrDataSchema),
  intelCollateral: optional(9, intelCollateralSchema),
  purl: optional(10, text),
});

/** A measurement log or summary. */
export const artifactSchema: StructSchema<Artifact> = struct<Artifact>('Artifact', {
  type: field(0, text),
  index: field(1, int),
  events: optional(2, list(componentSchema)),
});
