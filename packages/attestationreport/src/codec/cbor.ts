import { ByteWriter, type DecodeOptions } from '@cmc/bytes';
import { CborReader, MAJOR } from './cbor-reader.ts';
import { type CborKey, type CborValue, Float, Tagged } from './cbor-value.ts';
import {
  writeBoolean,
  writeBytes,
  writeFloat,
  writeHead,
  writeInteger,
  writeMap,
  writeNull,
  writeText,
} from './cbor-writer.ts';

/** Options of {@link decodeCbor}. */
export interface DecodeCborOptions extends DecodeOptions {
  /** Tags that may occur; they yield {@link Tagged}. Default none; all with `canonical: false`. */
  readonly tags?: readonly number[];
  /** What the bytes are, for the path of errors. Default `CBOR`. */
  readonly name?: string;
}

/**
 * The one CBOR item that `bytes` hold (RFC 8949), canonical unless told otherwise. Byte strings are
 * copied. @throws {DecodeError}
 */
export function decodeCbor(bytes: Uint8Array, options: DecodeCborOptions = {}): CborValue {
  const reader = new CborReader(bytes, options.name ?? 'CBOR', options);
  const value = readCborItem(reader, options);
  reader.end();
  return value;
}

/**
 * Canonical CBOR (CTAP2 form) of `value`: shortest heads, definite lengths, map keys sorted by
 * their encoding, floating-point numbers in the width they have. @throws {TypeError | RangeError}
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new ByteWriter();
  writeItem(writer, value);
  return writer.finish();
}

/** The next item of `reader`, whatever it is. */
export function readCborItem(
  reader: CborReader,
  options: DecodeCborOptions = reader.options,
): CborValue {
  switch (reader.peekMajor()) {
    case MAJOR.unsigned:
    case MAJOR.negative:
      return reader.readInteger();
    case MAJOR.bytes:
      return reader.readBytes();
    case MAJOR.text:
      return reader.readText();
    case MAJOR.array:
      return readArray(reader, options);
    case MAJOR.map:
      return readMap(reader, options);
    case MAJOR.tag:
      return readTagged(reader, options);
    default:
      return reader.readSimple();
  }
}

function readArray(reader: CborReader, options: DecodeCborOptions): CborValue {
  const array: CborValue[] = [];
  const count = reader.beginArray();
  while (reader.nextItem(array.length, count)) {
    reader.path.push(array.length);
    array.push(readCborItem(reader, options));
    reader.path.pop();
  }
  return array;
}

function readMap(reader: CborReader, options: DecodeCborOptions): CborValue {
  const map = new Map<CborKey, CborValue>();
  const count = reader.beginMap();
  for (let index = 0; reader.nextItem(index, count); index++) {
    const key = reader.readKey();
    reader.path.push(String(key));
    map.set(key, readCborItem(reader, options));
    reader.path.pop();
  }
  return map;
}

function readTagged(reader: CborReader, options: DecodeCborOptions): CborValue {
  const tag = reader.readTag();
  if (typeof tag === 'bigint') reader.fail('ERR_DECODE_VALUE', `tag ${tag} is too large`);
  const allowed = options.tags?.includes(tag) ?? options.canonical === false;
  if (!allowed) reader.fail('ERR_DECODE_TYPE', `tag ${tag} is not expected here`);
  return reader.nested(() => new Tagged(tag, readCborItem(reader, options)));
}

function writeItem(writer: ByteWriter, value: CborValue): void {
  if (value === null) writeNull(writer);
  else if (typeof value === 'boolean') writeBoolean(writer, value);
  else if (typeof value === 'number' || typeof value === 'bigint') writeInteger(writer, value);
  else if (typeof value === 'string') writeText(writer, value);
  else if (value instanceof Uint8Array) writeBytes(writer, value);
  else if (value instanceof Float) writeFloat(writer, value);
  else if (value instanceof Tagged) {
    writeHead(writer, MAJOR.tag, value.tag);
    writeItem(writer, value.value);
  } else if (value instanceof Map) writeMap(writer, value, writeItem);
  else if (isArray(value)) {
    writeHead(writer, MAJOR.array, value.length);
    for (const item of value) writeItem(writer, item);
  } else throw new TypeError('CBOR: value is no CBOR item');
}

function isArray(value: object): value is readonly CborValue[] {
  return Array.isArray(value);
}
