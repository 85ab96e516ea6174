import {
  ByteWriter,
  DecodeError,
  type DecodeOptions,
  encodeUtf8,
  JsonReader,
  parseJson,
} from '@cmc/bytes';
import type { Serialization } from '../types/serialization.ts';
import { decodeCbor } from './cbor.ts';
import { CborReader, MAJOR } from './cbor-reader.ts';
import type { StructSchema } from './struct.ts';

/** Bytes of `value`: compact JSON, or canonical CBOR. @throws {TypeError | RangeError} */
export function encodeStruct<T>(
  schema: StructSchema<T>,
  value: T,
  serialization: Serialization,
): Uint8Array {
  if (serialization === 'json') return encodeUtf8(schema.toJson(value));
  const writer = new ByteWriter();
  schema.writeCbor(writer, value);
  return writer.finish();
}

/** A decoded value and the encoding it came in. */
export interface Decoded<T> {
  readonly value: T;
  readonly serialization: Serialization;
}

/**
 * Value of a whole message, JSON or CBOR as detected. Syntax is all that is checked: the message
 * may come from anyone and say anything. @throws {DecodeError}
 */
export function decodeStruct<T>(
  schema: StructSchema<T>,
  bytes: Uint8Array,
  options: DecodeOptions = {},
): Decoded<T> {
  const serialization = detectStruct(bytes, schema.name);
  if (serialization === 'json') {
    const reader = new JsonReader(bytes, schema.name, options);
    const value = schema.readJson(reader);
    reader.end();
    return { value, serialization };
  }
  const reader = new CborReader(bytes, schema.name, options);
  const value = schema.readCbor(reader);
  reader.end();
  return { value, serialization };
}

/**
 * Encoding of `bytes`: JSON when they are a JSON text, else CBOR when they are one well-formed item
 * (not necessarily canonical). @throws {DecodeError} neither
 */
export function detectSerialization(bytes: Uint8Array, options: DecodeOptions = {}): Serialization {
  const isText = (bytes[0] ?? 0) < 0x80;
  const jsonFailure = isText ? failureOf(() => parseJson(bytes, options)) : undefined;
  if (isText && jsonFailure === undefined) return 'json';
  const cborFailure = failureOf(() => decodeCbor(bytes, { ...options, canonical: false }));
  if (cborFailure === undefined) return 'cbor';
  throw jsonFailure ?? cborFailure;
}

/**
 * As {@link detectSerialization} for bytes that must hold an object or map, which the first byte
 * tells apart: no JSON object begins as CBOR maps and tags do.
 */
function detectStruct(bytes: Uint8Array, name: string): Serialization {
  const first = bytes[0];
  const at = { path: [name], offset: 0 };
  if (first === undefined) throw new DecodeError('ERR_DECODE_TRUNCATED', 'no bytes', at);
  if (first < 0x80) return 'json';
  if (first >> 5 === MAJOR.map || first >> 5 === MAJOR.tag) return 'cbor';
  throw new DecodeError('ERR_DECODE_FORMAT', 'neither a JSON object nor a CBOR map', at);
}

function failureOf(decode: () => unknown): DecodeError | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
}
