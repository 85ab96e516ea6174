import type { Serialization } from '@cmc/attestationreport';
import {
  attestationResultSchema,
  bool,
  bytes,
  componentSchema,
  type Decoded,
  decodeStruct,
  encodeStruct,
  type Fields,
  field,
  list,
  mandatory,
  optional,
  type StructSchema,
  struct,
  text,
} from '@cmc/attestationreport/codec';
import {
  anything,
  byteLength,
  type Check,
  type Checks,
  checkMembers,
  digest,
  dnsName,
  ipAddress,
  listOf,
  oneOf,
  peerId,
  plainText,
  signatureHash,
  uuid,
} from './checks.ts';
import type {
  AttestationRequest,
  AttestationResponse,
  MeasureRequest,
  PeerCacheRequest,
  PeerCacheResponse,
  SuccessResponse,
  TlsCertRequest,
  TlsCertResponse,
  TlsCreateRequest,
  TlsCreateResponse,
  TlsKeyConfig,
  TlsSignRequest,
  TlsSignResponse,
  VerificationRequest,
  VerificationResponse,
} from './cmc.ts';
import * as limits from './limits.ts';

/*
 * Every message of the API: how it is encoded (the numbers are CBOR keys, the order is that of the
 * JSON text), and what of it is accepted.
 */

/** Version of the API, in every message. */
export const API_VERSION = '1.4.0';

/** What every message carries besides its own members. */
export interface Versioned {
  readonly version: string;
}

/** One message: `W` is what decoding gives, `T` what may be used. */
export interface Message<T, W = T> {
  readonly name: string;
  encode(value: T, serialization: Serialization): Uint8Array;
  /** JSON or CBOR as detected; nothing beyond syntax is checked. @throws {DecodeError} */
  decode(bytes: Uint8Array): Decoded<W & Versioned>;
  /** Checks every member and drops `version`. @throws {ApiError} ERR_API_REQUEST */
  accept(wire: W): T;
}

function message<T extends W, W = T>(
  name: string,
  fields: Fields<NoInfer<W>>,
  checks: Checks<NoInfer<T>, NoInfer<W>>,
): Message<T, W> {
  const schema = struct(name, {
    version: field(0, text),
    ...fields,
  } as unknown as Fields<W & Versioned>);
  const check = checkMembers(checks);
  return {
    name,
    encode: (value, serialization) =>
      encodeStruct(schema, { version: API_VERSION, ...value }, serialization),
    decode: (encoded) => decodeStruct(schema, encoded),
    accept: (wire) => check(name, wire),
  };
}

const nonce = byteLength(limits.MIN_NONCE_BYTES, limits.MAX_NONCE_BYTES);
const report = byteLength(1, limits.MAX_MESSAGE_BYTES);
const digests = listOf(limits.MAX_DIGESTS, digest);

export const attestationRequest: Message<AttestationRequest> = message(
  'AttestationRequest',
  { nonce: field(1, bytes), cached: optional(2, list(text)) },
  { nonce, cached: { ifSet: digests } },
);

export const attestationResponse: Message<AttestationResponse> = message(
  'AttestationResponse',
  { report: field(1, bytes) },
  { report },
);

export const verificationRequest: Message<VerificationRequest> = message(
  'VerificationRequest',
  {
    nonce: field(1, bytes),
    report: field(2, bytes),
    peer: optional(6, text),
    peerAddr: optional(7, text),
    policies: optional(8, bytes),
  },
  {
    nonce,
    report,
    peer: { ifSet: peerId },
    peerAddr: { ifSet: plainText(limits.MAX_PEER_ADDRESS_CHARACTERS) },
    policies: { ifSet: byteLength(1, limits.MAX_POLICY_BYTES) },
  },
);

export const verificationResponse: Message<VerificationResponse> = message(
  'VerificationResponse',
  { result: field(1, mandatory(attestationResultSchema)) },
  { result: anything },
);

/** {@link TlsKeyConfig} before its names are known to be good. */
export interface TlsKeyConfigWire extends Omit<TlsKeyConfig, 'type' | 'alg'> {
  readonly type: string;
  readonly alg: string;
}
export interface TlsCreateRequestWire {
  readonly keyConfig: TlsKeyConfigWire;
}

const tlsKeyConfigSchema: StructSchema<TlsKeyConfigWire> = struct('TLSKeyConfig', {
  type: field(1, text),
  alg: field(2, text),
  cn: field(3, text),
  dnsNames: field(4, list(text)),
  ipAddresses: field(5, list(text)),
});

const tlsKeyConfig: Check<TlsKeyConfigWire, TlsKeyConfig> = checkMembers<
  TlsKeyConfig,
  TlsKeyConfigWire
>({
  type: oneOf('sw', 'tpm'),
  alg: oneOf('EC256', 'EC384', 'EC521', 'RSA2048', 'RSA4096'),
  cn: plainText(limits.MAX_COMMON_NAME_CHARACTERS),
  dnsNames: listOf(limits.MAX_SUBJECT_NAMES, dnsName),
  ipAddresses: listOf(limits.MAX_SUBJECT_NAMES, ipAddress),
});

export const tlsCreateRequest: Message<TlsCreateRequest, TlsCreateRequestWire> = message(
  'TLSCreateRequest',
  { keyConfig: field(1, mandatory(tlsKeyConfigSchema)) },
  { keyConfig: tlsKeyConfig },
);

export const tlsCreateResponse: Message<TlsCreateResponse> = message(
  'TLSCreateResponse',
  { keyId: field(1, text) },
  { keyId: uuid },
);

/** {@link TlsSignRequest} before its scheme is known to be good. */
export interface TlsSignRequestWire extends Omit<TlsSignRequest, 'scheme'> {
  readonly scheme?: string;
}

export const tlsSignRequest: Message<TlsSignRequest, TlsSignRequestWire> = message(
  'TLSSignRequest',
  {
    keyId: field(1, text),
    content: field(2, bytes),
    hashAlg: field(3, text),
    // Not known to the reference, which ignores them.
    message: optional(4, bytes),
    scheme: optional(5, text),
  },
  {
    keyId: uuid,
    content: byteLength(1, limits.MAX_DIGEST_BYTES),
    hashAlg: signatureHash,
    message: { ifSet: byteLength(1, limits.MAX_SIGNED_MESSAGE_BYTES) },
    scheme: { ifSet: oneOf('rsa-pss') },
  },
);

export const tlsSignResponse: Message<TlsSignResponse> = message(
  'TLSSignResponse',
  { signedContent: field(1, bytes) },
  { signedContent: byteLength(1, limits.MAX_SIGNATURE_BYTES) },
);

export const tlsCertRequest: Message<TlsCertRequest> = message(
  'TLSCertRequest',
  { keyId: field(1, text) },
  { keyId: uuid },
);

export const tlsCertResponse: Message<TlsCertResponse> = message(
  'TLSCertResponse',
  { certificate: field(1, list(bytes)) },
  { certificate: listOf(limits.MAX_CERTIFICATES, byteLength(1, limits.MAX_CERTIFICATE_BYTES)) },
);

export const peerCacheRequest: Message<PeerCacheRequest> = message(
  'PeerCacheRequest',
  { peer: field(1, text) },
  { peer: peerId },
);

export const peerCacheResponse: Message<PeerCacheResponse> = message(
  'PeerCacheResponse',
  { cache: field(1, list(text)) },
  { cache: digests },
);

export const measureRequest: Message<MeasureRequest> = message(
  'MeasureRequest',
  { event: field(1, mandatory(componentSchema)) },
  { event: anything },
);

/** Requests of UpdateCerts and UpdateMetadata carry their version only. */
export type EmptyRequest = Record<never, never>;

export const updateCertsRequest: Message<EmptyRequest> = message('UpdateCertsRequest', {}, {});
export const updateMetadataRequest: Message<EmptyRequest> = message(
  'UpdateMetadataRequest',
  {},
  {},
);

export const measureResponse: Message<SuccessResponse> = successResponse('MeasureResponse');
export const updateCertsResponse: Message<SuccessResponse> = successResponse('UpdateCertsResponse');
export const updateMetadataResponse: Message<SuccessResponse> =
  successResponse('UpdateMetadataResponse');

function successResponse(name: string): Message<SuccessResponse> {
  return message(name, { success: field(1, bool) }, { success: anything });
}

/** What a socket server answers instead of a response. It has no version. */
export interface SocketError {
  readonly msg: string;
}

export const socketErrorSchema: StructSchema<SocketError> = struct('SocketError', {
  msg: field(1, text),
});
