import type { Serialization } from '@cmc/attestationreport';
import {
  bool,
  bytes,
  decodeCbor,
  decodeStruct,
  encodeStruct,
  field,
  list,
  mandatory,
  optional,
  parseJson,
  type StructSchema,
  struct,
  text,
  uint8,
} from '@cmc/attestationreport/codec';
import { DecodeError } from '@cmc/bytes';
import type { KeyProof } from './key-proof.ts';

/** Version of the attestation protocol that this package speaks; there is no negotiation. */
export const ATLS_VERSION = '1.3.0';

/** Largest Request: room for all digests, in hex, and what else may be in it. */
export const MAX_REQUEST_BYTES: number = 1024 * 1024;
/** Digests of cached metadata in a Request; daemons take no more. */
export const MAX_CACHED_DIGESTS = 4096;
/** Largest Complete, and largest Response of a peer that has no report to send. */
export const MAX_COMPLETE_BYTES: number = 64 * 1024;

/** What a peer wants: its mode, and which metadata need not be sent again. */
export interface AtlsRequest {
  readonly version: string;
  /** Number of an attestation mode. */
  readonly attest: number;
  /** Hex digests of metadata that the sender has already. */
  readonly cached?: readonly string[];
  readonly extendedReport?: boolean;
  /** Names of what the sender can do beyond the reference protocol. Not part of it either. */
  readonly bindings?: readonly string[];
}

/** The report of a peer, or why there is none. Without both when the mode asks for no report. */
export interface AtlsResponse {
  readonly version: string;
  readonly error?: string;
  readonly report?: Uint8Array;
  /** Only to peers that can verify it. Not part of the reference protocol. */
  readonly keyProof?: KeyProof;
}

/** How the handshake ended for the sender. */
export interface AtlsComplete {
  readonly version: string;
  readonly success: boolean;
  readonly error?: string;
}

export const atlsRequestSchema: StructSchema<AtlsRequest> = struct<AtlsRequest>(
  'AtlsHandshakeRequest',
  {
    version: field(0, mandatory(text)),
    attest: field(1, mandatory(uint8)),
    cached: optional(2, list(text)),
    extendedReport: optional(3, bool),
    bindings: optional(16, list(text)),
  },
);

const keyProofSchema: StructSchema<KeyProof> = struct<KeyProof>('KeyProof', {
  certificates: field(0, list(bytes)),
  signature: field(1, bytes),
});

export const atlsResponseSchema: StructSchema<AtlsResponse> = struct<AtlsResponse>(
  'AtlsHandshakeResponse',
  {
    version: field(0, mandatory(text)),
    error: optional(1, text),
    report: optional(2, bytes),
    // As with `bindings`, out of the way of what the reference may add.
    keyProof: optional(16, keyProofSchema),
  },
);

const SUCCESS_KEY = 1;
export const atlsCompleteSchema: StructSchema<AtlsComplete> = struct<AtlsComplete>(
  'AtlsHandshakeComplete',
  {
    version: field(0, mandatory(text)),
    success: field(SUCCESS_KEY, mandatory(bool)),
    error: optional(2, text),
  },
);

/** Body of a message in the encoding of choice. */
export function encodeMessage<T>(
  schema: StructSchema<T>,
  message: T,
  serialization: Serialization,
): Uint8Array {
  return encodeStruct(schema, message, serialization);
}

/** A message of the type that is due, in either encoding. @throws {DecodeError} */
export function decodeMessage<T>(schema: StructSchema<T>, body: Uint8Array): T {
  return decodeStruct(schema, body).value;
}

/**
 * Whether the message is a Complete. Messages carry no type, and a peer that gives up early sends
 * a Complete in place of what is due; only a Complete has a truth value `success`.
 */
export function isComplete(body: Uint8Array): boolean {
  if (body.length > MAX_COMPLETE_BYTES) return false;
  try {
    return body[0] === JSON_OBJECT ? hasSuccessMember(body) : hasSuccessKey(body);
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

const JSON_OBJECT = 0x7b;

function hasSuccessMember(body: Uint8Array): boolean {
  const value = parseJson(body);
  return typeof value === 'object' && value !== null && 'success' in value;
}

function hasSuccessKey(body: Uint8Array): boolean {
  const value = decodeCbor(body);
  return value instanceof Map && typeof value.get(SUCCESS_KEY) === 'boolean';
}
