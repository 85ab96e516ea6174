import {
  create,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { attestationResultSchema, decodeStruct, encodeStruct } from '@cmc/attestationreport/codec';
import type { Cmc, MeasureRequest, VerificationResponse } from '../cmc.ts';
import { API_VERSION, type Versioned } from '../messages.ts';
import { type Operation, operations } from '../operations.ts';
import { componentFromProto, componentToProto } from './component.ts';
import * as proto from './generated/cmc_pb.ts';
import { decodeProto } from './proto.ts';

/*
 * The operations over gRPC. Most messages have the same members as in the other encodings; where
 * they differ, the row says how.
 */

/** How one message looks in protobuf. */
export interface ProtoMessage<T, W = T> {
  encode(value: T): Uint8Array;
  /** Nothing beyond syntax is checked. @throws {DecodeError} */
  decode(bytes: Uint8Array): W & Versioned;
}

/** One operation over gRPC. */
export interface GrpcMethod<Request, Response, RequestWire = Request> {
  readonly operation: Operation<Request, Response, RequestWire>;
  readonly request: ProtoMessage<Request, RequestWire>;
  readonly response: ProtoMessage<Response>;
}

/** Any row of {@link grpcMethods}. */
export type AnyGrpcMethod = GrpcMethod<unknown, unknown, unknown>;

function method<Request, Response, RequestWire>(
  operation: Operation<Request, Response, RequestWire>,
  request: ProtoMessage<Request, RequestWire>,
  response: ProtoMessage<Response>,
): GrpcMethod<Request, Response, RequestWire> {
  return { operation, request, response };
}

interface Mapping<Desc extends DescMessage, T, W> {
  fromValue(value: T): MessageInitShape<Desc>;
  /** @throws {DecodeError} */
  toWire(message: MessageShape<Desc>): W & Versioned;
}

/** A message that is mapped from and to the members that the other encodings have. */
function mapped<Desc extends DescMessage, T, W = T>(
  desc: Desc,
  { fromValue, toWire }: Mapping<Desc, T, W>,
): ProtoMessage<T, W> {
  return {
    encode: (value) => toBinary(desc, create(desc, { ...fromValue(value), version: API_VERSION })),
    decode: (bytes) => toWire(decodeProto(desc, bytes)),
  };
}

/** A message that has the members of the other encodings. */
function same<T, W = T>(desc: DescMessage): ProtoMessage<T, W> {
  return mapped<DescMessage, T, W>(desc, {
    fromValue: (value) => value as Record<string, unknown>,
    toWire: (message) => message as Message & W & Versioned,
  });
}

const verificationResponse = mapped<typeof proto.VerificationResponseSchema, VerificationResponse>(
  proto.VerificationResponseSchema,
  {
    fromValue: ({ result }) => ({ result: encodeStruct(attestationResultSchema, result, 'json') }),
    toWire: ({ version, result }) => ({
      version,
      result: decodeStruct(attestationResultSchema, result).value,
    }),
  },
);

const measureRequest = mapped<
  typeof proto.MeasureRequestSchema,
  MeasureRequest,
  Partial<MeasureRequest>
>(proto.MeasureRequestSchema, {
  fromValue: ({ event }) => ({ measureEvent: componentToProto(event) }),
  toWire: ({ version, measureEvent }) => ({
    version,
    ...(measureEvent === undefined ? {} : { event: componentFromProto(measureEvent) }),
  }),
});

/** Every operation, by its method of `Cmc`. */
export const grpcMethods: { readonly [Method in keyof Cmc]: AnyGrpcMethod } = {
  attest: method(
    operations.attest,
    same(proto.AttestationRequestSchema),
    same(proto.AttestationResponseSchema),
  ),
  verify: method(operations.verify, same(proto.VerificationRequestSchema), verificationResponse),
  tlsCreate: method(
    operations.tlsCreate,
    same(proto.TLSCreateRequestSchema),
    same(proto.TLSCreateResponseSchema),
  ),
  tlsSign: method(
    operations.tlsSign,
    same(proto.TLSSignRequestSchema),
    same(proto.TLSSignResponseSchema),
  ),
  tlsCert: method(
    operations.tlsCert,
    same(proto.TLSCertRequestSchema),
    same(proto.TLSCertResponseSchema),
  ),
  peerCache: method(
    operations.peerCache,
    same(proto.PeerCacheRequestSchema),
    same(proto.PeerCacheResponseSchema),
  ),
  measure: method(operations.measure, measureRequest, same(proto.MeasureResponseSchema)),
  updateCerts: method(
    operations.updateCerts,
    same(proto.UpdateCertsRequestSchema),
    same(proto.UpdateCertsResponseSchema),
  ),
  updateMetadata: method(
    operations.updateMetadata,
    same(proto.UpdateMetadataRequestSchema),
    same(proto.UpdateMetadataResponseSchema),
  ),
};

const byName: ReadonlyMap<string, AnyGrpcMethod> = new Map(
  Object.values(grpcMethods).map((row) => [row.operation.name, row]),
);

/** The row of `operation`. */
export function methodOf<Request, Response, RequestWire>(
  operation: Operation<Request, Response, RequestWire>,
): GrpcMethod<Request, Response, RequestWire> {
  // The rows are made from the operations, so the types of a row are those of its operation.
  return byName.get(operation.name) as GrpcMethod<Request, Response, RequestWire>;
}
