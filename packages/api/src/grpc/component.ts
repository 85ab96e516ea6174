import { create } from '@bufbuild/protobuf';
import type { Component, CtrData, JsonObject, Property } from '@cmc/attestationreport';
import {
  decodeStruct,
  encodeStruct,
  ociSpec,
  type StructSchema,
} from '@cmc/attestationreport/codec';
import { ApiError } from '../errors.ts';
import * as proto from './generated/cmc_pb.ts';

/** Property that gRPC has as a member of its own. */
const INDEX_PROPERTY = 'cmc.index';

/** The OCI specification is a message within the message, JSON or CBOR. */
const ociSpecSchema: StructSchema<JsonObject> = {
  ...ociSpec,
  name: 'MeasureRequest.event.ctrData.ociSpec',
  fields: {},
  isBlank: () => false,
};

/** Members of a component that gRPC cannot carry. */
const MISSING_IN_PROTO = ['eventdata', 'intelCollateral', 'purl'] as const;

/** @throws {DecodeError} the OCI specification cannot be decoded */
export function componentFromProto(message: proto.Component): Component {
  const { type, name, index, hashes, version, optional, description, ctrData } = message;
  return {
    type,
    name,
    ...(hashes.length === 0
      ? {}
      : { hashes: hashes.map(({ alg, content }) => ({ alg, content })) }),
    ...(version === '' ? {} : { version }),
    ...(optional ? { optional } : {}),
    ...(description === '' ? {} : { description }),
    properties: [{ name: INDEX_PROPERTY, value: String(index) }],
    ...(isBlank(ctrData) ? {} : { ctrData: ctrDataFromProto(ctrData) }),
  };
}

/** Clients send an empty one where there is none, for the reference's sake. */
function isBlank(ctrData: proto.CtrData | undefined): ctrData is undefined {
  if (ctrData === undefined) return true;
  const { configSha256, rootfsSha256, ociSpec: spec } = ctrData;
  return configSha256.length + rootfsSha256.length + spec.length === 0;
}

function ctrDataFromProto({ configSha256, rootfsSha256, ociSpec: spec }: proto.CtrData): CtrData {
  return {
    configSha256,
    rootfsSha256,
    ...(spec.length === 0 ? {} : { ociSpec: decodeStruct(ociSpecSchema, spec).value }),
  };
}

/** @throws {ApiError} ERR_API_REQUEST: has something that gRPC cannot carry */
export function componentToProto(component: Component): proto.Component {
  const { type, name, hashes = [], properties = [], ctrData } = component;
  for (const member of MISSING_IN_PROTO) {
    if (component[member] !== undefined) refuse(member, 'gRPC cannot carry it');
  }
  return create(proto.ComponentSchema, {
    type,
    name,
    index: indexIn(properties),
    hashes: hashes.map(({ alg, content }) => create(proto.HashSchema, { alg, content })),
    version: component.version ?? '',
    optional: component.optional ?? false,
    description: component.description ?? '',
    ctrData: ctrDataToProto(ctrData),
  });
}

/** Empty where there is none: the reference does not survive a missing one. */
function ctrDataToProto(ctrData: CtrData | undefined): proto.CtrData {
  if (ctrData === undefined) return create(proto.CtrDataSchema);
  const { configSha256, rootfsSha256, ociSpec: spec } = ctrData;
  return create(proto.CtrDataSchema, {
    configSha256,
    rootfsSha256,
    ...(spec === undefined ? {} : { ociSpec: encodeStruct(ociSpecSchema, spec, 'json') }),
  });
}

function indexIn(properties: readonly Property[]): number {
  let index = 0;
  for (const { name, value } of properties) {
    if (name !== INDEX_PROPERTY) refuse('properties', `gRPC carries ${INDEX_PROPERTY} only`);
    index = Number(value);
    if (!/^-?\d+$/.test(value) || index !== (index | 0)) {
      refuse('properties', `${INDEX_PROPERTY} is not a 32-bit integer`);
    }
  }
  return index;
}

function refuse(member: string, problem: string): never {
  throw new ApiError('ERR_API_REQUEST', `MeasureRequest.event.${member}: ${problem}`);
}
