import {
  type ByteWriter,
  DecodeError,
  type DecodeOptions,
  decodeUtf8,
  encodeUtf8,
  fromBase64url,
  JsonReader,
  toBase64url,
} from '@cmc/bytes';
import type {
  Collateral,
  Context,
  Evidence,
  SwEvidence,
  UnverifiedReport,
} from '../types/report.ts';
import type { Serialization } from '../types/serialization.ts';
import { artifactSchema } from './component-schema.ts';
import type { Kind } from './kind.ts';
import { bytes, list, mandatory, map, nullable, text } from './kinds.ts';
import { decodeStruct, encodeStruct } from './message.ts';
import { field, optional, type StructSchema, struct } from './struct.ts';

/** Signed by hardware or by a software key. */
export const evidenceSchema: StructSchema<Evidence> = struct<Evidence>('Evidence', {
  type: field(0, text),
  evidence: field(1, nullable(bytes)),
  addData: optional(2, bytes),
  signature: optional(3, bytes),
});

/** What is needed to appraise evidence. */
export const collateralSchema: StructSchema<Collateral> = struct<Collateral>('Collateral', {
  type: field(0, text),
  certs: optional(1, list(bytes)),
  key: optional(2, bytes),
  artifacts: optional(3, list(artifactSchema)),
});

/** What the evidence commits to. */
export const contextSchema: StructSchema<Context> = struct<Context>('Context', {
  type: field(0, text),
  alg: field(1, text),
  nonce: field(2, nullable(bytes)),
  collateral: field(3, nullable(list(collateralSchema))),
  digests: field(4, nullable(list(text))),
  metadata: optional(5, map(bytes)),
  certs: optional(6, map(bytes)),
});

/** Payload of software evidence. */
export const swEvidenceSchema: StructSchema<SwEvidence> = struct<SwEvidence>('SwEvidence', {
  nonce: field(0, nullable(bytes)),
  sha256: optional(1, bytes),
});

/** A context and the bytes that encode it in a report. */
interface EncodedContext {
  readonly context: Context;
  readonly encoded: Uint8Array;
}

type WireReport = Omit<UnverifiedReport, 'context'> & { readonly context: EncodedContext };

const encodedContextKind: Kind<EncodedContext> = {
  zero: undefined,
  isEmpty: () => false,
  readJson(reader) {
    let encoded = '';
    const json = reader.readEncodedBytes((received) => {
      encoded = received;
      return fromBase64url(received);
    });
    const inner = new JsonReader(json, 'AttestationReport.context', reader.options);
    const context = contextSchema.readJson(inner);
    inner.end();
    return { context, encoded: encodeUtf8(encoded) };
  },
  readCbor(reader) {
    const start = reader.position;
    const context = contextSchema.readCbor(reader);
    return { context, encoded: reader.consumed(start) };
  },
  toJson: (value) => `"${decodeUtf8(value.encoded)}"`,
  writeCbor: (writer: ByteWriter, value) => writer.bytes(value.encoded),
};

const wireReportSchema = struct<WireReport>('AttestationReport', {
  version: field(0, mandatory(text)),
  type: field(1, mandatory(text)),
  name: optional(2, text),
  encoding: field(3, mandatory(text)),
  evidences: field(4, nullable(list(evidenceSchema))),
  context: field(5, encodedContextKind),
});

/** Value of `encoding` in a report of each serialization. */
const ENCODINGS: Readonly<Record<Serialization, string>> = Object.freeze({
  json: 'b64',
  cbor: 'cbor',
});

/**
 * Encoded report. `encoding` is written as the serialization demands. `encodedContext` is what
 * {@link encodeContext} gave for the context of this report, if it has been encoded already.
 * @throws {TypeError | RangeError}
 */
export function encodeReport(
  report: UnverifiedReport,
  serialization: Serialization,
  encodedContext: Uint8Array = encodeContext(report.context, serialization),
): Uint8Array {
  const context = { context: report.context, encoded: encodedContext };
  const wire = { ...report, encoding: ENCODINGS[serialization], context };
  return encodeStruct(wireReportSchema, wire, serialization);
}

/**
 * The bytes whose hash is the evidence nonce: in JSON the ASCII characters of the base64url text
 * that stands for the context in the report, in CBOR the encoded map.
 */
export function encodeContext(context: Context, serialization: Serialization): Uint8Array {
  const encoded = encodeStruct(contextSchema, context, serialization);
  return serialization === 'json' ? encodeUtf8(toBase64url(encoded)) : encoded;
}

/** A report as received. */
export interface DecodedReport {
  readonly report: UnverifiedReport;
  readonly serialization: Serialization;
  /** Exactly the received bytes whose hash the evidence must carry. */
  readonly encodedContext: Uint8Array;
}

/**
 * Decodes a report, JSON or CBOR. Nothing in it is verified; the context of a CBOR report is
 * canonical, so that there is one text of it to hash. @throws {DecodeError}
 */
export function decodeReport(
  bytes: Uint8Array,
  options: Omit<DecodeOptions, 'canonical'> = {},
): DecodedReport {
  const { value, serialization } = decodeStruct(wireReportSchema, bytes, {
    ...options,
    canonical: true,
  });
  const { context, ...rest } = value;
  if (value.encoding !== ENCODINGS[serialization]) {
    throw new DecodeError(
      'ERR_DECODE_VALUE',
      `expected ${ENCODINGS[serialization]} in ${serialization}`,
      { path: [wireReportSchema.name, 'encoding'], offset: 0 },
    );
  }
  const report = { ...rest, context: context.context };
  return { report, serialization, encodedContext: context.encoded };
}
