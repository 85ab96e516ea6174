import type { ByteWriter } from '@cmc/bytes';
import type { JsonObject, JsonValue } from '../types/report.ts';
import { type CborReader, MAJOR } from './cbor-reader.ts';
import { Float } from './cbor-value.ts';
import {
  writeBoolean,
  writeFloat,
  writeHead,
  writeInteger,
  writeMap,
  writeNull,
  writeText,
} from './cbor-writer.ts';
import { isJsonArray, stringifyGoJson } from './json-text.ts';
import type { Kind } from './kind.ts';

const EMPTY: JsonObject = Object.freeze(Object.create(null));

/**
 * Free JSON object. All its numbers are 64-bit floating-point numbers, in CBOR too; in JSON its
 * keys are sorted. `null` is read as the empty object.
 */
export const freeObject: Kind<JsonObject> = {
  zero: EMPTY,
  isEmpty: (value) => Object.keys(value).length === 0,
  readJson: (reader) => (reader.readNull() ? EMPTY : objectWithFloats(reader.readObject())),
  readCbor: (reader) => (reader.readNull() ? EMPTY : objectWithFloats(readObject(reader))),
  toJson: (value) => stringifyGoJson(value),
  writeCbor: (writer, value) => writeObject(writer, value, writeAsFloat),
};

/**
 * OCI runtime specification as generic JSON. Its numbers are integers in CBOR and keep 64 bits; its
 * keys keep their order in JSON. It is not left out when empty.
 */
export const ociSpec: Kind<JsonObject> = {
  zero: EMPTY,
  isEmpty: () => false,
  readJson: (reader) => reader.readObject(),
  readCbor: readObject,
  toJson: (value) => stringifyGoJson(value, { keys: 'kept' }),
  writeCbor: (writer, value) => writeObject(writer, value, writeAsInteger),
};

function readObject(reader: CborReader): JsonObject {
  const object: Record<string, JsonValue> = Object.create(null);
  const count = reader.beginMap();
  for (let index = 0; reader.nextItem(index, count); index++) {
    const key = reader.readTextKey();
    reader.path.push(key);
    object[key] = readValue(reader);
    reader.path.pop();
  }
  return object;
}

function readArray(reader: CborReader): JsonValue {
  const array: JsonValue[] = [];
  const count = reader.beginArray();
  while (reader.nextItem(array.length, count)) {
    reader.path.push(array.length);
    array.push(readValue(reader));
    reader.path.pop();
  }
  return array;
}

function readValue(reader: CborReader): JsonValue {
  switch (reader.peekMajor()) {
    case MAJOR.unsigned:
    case MAJOR.negative:
      return reader.readInteger();
    case MAJOR.array:
      return readArray(reader);
    case MAJOR.map:
      return readObject(reader);
    case MAJOR.simple:
      return readSimple(reader);
    default:
      return reader.readText();
  }
}

function readSimple(reader: CborReader): JsonValue {
  const value = reader.readSimple();
  if (!(value instanceof Float)) return value;
  if (Number.isFinite(value.value)) return value.value;
  return reader.fail('ERR_DECODE_VALUE', 'number is not finite');
}

function objectWithFloats(object: JsonObject): JsonObject {
  const result: Record<string, JsonValue> = Object.create(null);
  for (const [key, value] of Object.entries(object)) result[key] = withFloats(value);
  return result;
}

function withFloats(value: JsonValue): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || typeof value !== 'object') return value;
  return isJsonArray(value) ? value.map(withFloats) : objectWithFloats(value);
}

type WriteNumber = (writer: ByteWriter, value: number | bigint) => void;

function writeObject(writer: ByteWriter, value: JsonObject, writeNumber: WriteNumber): void {
  writeMap(writer, Object.entries(value), (_, item) => writeValue(writer, item, writeNumber));
}

function writeValue(writer: ByteWriter, value: JsonValue, writeNumber: WriteNumber): void {
  if (value === null) writeNull(writer);
  else if (typeof value === 'boolean') writeBoolean(writer, value);
  else if (typeof value === 'string') writeText(writer, value);
  else if (typeof value !== 'object') writeNumber(writer, value);
  else if (isJsonArray(value)) {
    writeHead(writer, MAJOR.array, value.length);
    for (const item of value) writeValue(writer, item, writeNumber);
  } else writeObject(writer, value, writeNumber);
}

function writeAsFloat(writer: ByteWriter, value: number | bigint): void {
  writeFloat(writer, new Float(Number(value)));
}

function writeAsInteger(writer: ByteWriter, value: number | bigint): void {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) writeInteger(writer, value);
  else writeAsFloat(writer, value);
}
