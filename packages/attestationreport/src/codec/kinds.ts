import {
  type DecodeCursor,
  fromBase64,
  fromHex,
  MAX_CONTAINER_ITEMS,
  toBase64,
  toHex,
} from '@cmc/bytes';
import type { Uint64 } from '../types/event-data.ts';
import { MAJOR } from './cbor-reader.ts';
import {
  writeBoolean,
  writeBytes,
  writeHead,
  writeInteger,
  writeMap,
  writeNull,
  writeText,
} from './cbor-writer.ts';
import { compareUtf8, quoteJson } from './json-text.ts';
import type { Kind } from './kind.ts';

const NO_BYTES = new Uint8Array();
const MAX_UINT64 = 2n ** 64n - 1n;

/** Text. */
export const text: Kind<string> = {
  zero: '',
  isEmpty: (value) => value === '',
  readJson: (reader) => reader.readText(),
  readCbor: (reader) => reader.readText(),
  toJson: quoteJson,
  writeCbor: writeText,
};

/** Truth value. */
export const bool: Kind<boolean> = {
  zero: false,
  isEmpty: (value) => !value,
  readJson: (reader) => reader.readBoolean(),
  readCbor: (reader) => reader.readBoolean(),
  toJson: (value) => String(requireBoolean(value)),
  writeCbor: (writer, value) => writeBoolean(writer, requireBoolean(value)),
};

/** Integer that a `number` holds exactly. */
export const int: Kind<number> = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
export const uint8: Kind<number> = integer(0, 0xff);
export const uint16: Kind<number> = integer(0, 0xffff);
export const uint32: Kind<number> = integer(0, 0xffff_ffff);
/** Unsigned 64-bit integer; `bigint` only where `number` would lose digits. */
export const uint64: Kind<Uint64> = {
  zero: 0,
  isEmpty: (value) => value === 0 || value === 0n,
  readJson: (reader) => refuseNegative(reader, reader.readInteger()),
  readCbor: (reader) => refuseNegative(reader, reader.readInteger()),
  toJson: (value) => `${requireUint64(value)}`,
  writeCbor: (writer, value) => writeInteger(writer, requireUint64(value)),
};

/** Bytes: standard base64 with padding in JSON. `null` is read as no bytes. */
export const bytes: Kind<Uint8Array> = {
  zero: NO_BYTES,
  isEmpty: (value) => value.length === 0,
  readJson: (reader) => (reader.readNull() ? NO_BYTES : reader.readEncodedBytes(fromBase64)),
  readCbor: (reader) => (reader.readNull() ? NO_BYTES : reader.readBytes()),
  toJson: (value) => `"${toBase64(requireBytes(value))}"`,
  writeCbor: (writer, value) => writeBytes(writer, requireBytes(value)),
};

/** Bytes: hex text in JSON. No bytes are `""` in JSON and `null` in CBOR. */
export const hex: Kind<Uint8Array> = {
  zero: NO_BYTES,
  isEmpty: (value) => value.length === 0,
  readJson: (reader) => (reader.readNull() ? NO_BYTES : reader.readEncodedBytes(fromHex)),
  readCbor: (reader) => (reader.readNull() ? NO_BYTES : reader.readBytes()),
  toJson: (value) => `"${toHex(requireBytes(value))}"`,
  writeCbor: (writer, value) =>
    value.length === 0 ? writeNull(writer) : writeBytes(writer, requireBytes(value)),
};

/** Array. `null` is read as the empty array. */
export function list<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    zero: Object.freeze([]),
    isEmpty: (value) => value.length === 0,
    readJson(reader) {
      const values: T[] = [];
      if (reader.readNull()) return values;
      reader.beginArray();
      while (reader.nextElement(values.length)) {
        reader.path.push(values.length);
        values.push(item.readJson(reader));
        reader.path.pop();
      }
      return values;
    },
    readCbor(reader) {
      if (reader.readNull()) return [];
      const count = reader.beginArray();
      // An array that grows takes room for 17 elements, and most of these have one or two.
      const values = new Array<T>(Math.min(count ?? 0, MAX_CONTAINER_ITEMS));
      for (let index = 0; reader.nextItem(index, count); index++) {
        reader.path.push(index);
        values[index] = item.readCbor(reader);
        reader.path.pop();
      }
      return values;
    },
    toJson: (value) => `[${value.map((element) => item.toJson(element)).join(',')}]`,
    writeCbor(writer, value) {
      writeHead(writer, MAJOR.array, value.length);
      for (const element of value) item.writeCbor(writer, element);
    },
  };
}

/** Text keys with values of one kind, sorted. `null` is read as the empty map. */
export function map<T>(item: Kind<T>): Kind<ReadonlyMap<string, T>> {
  return {
    zero: new Map(),
    isEmpty: (value) => value.size === 0,
    readJson(reader) {
      const values = new Map<string, T>();
      if (reader.readNull()) return values;
      reader.beginObject();
      for (let index = 0; ; index++) {
        const key = reader.nextKey(index);
        if (key === undefined) return values;
        reader.path.push(key);
        if (values.has(key)) reader.fail('ERR_DECODE_DUPLICATE', 'duplicate key');
        values.set(key, item.readJson(reader));
        reader.path.pop();
      }
    },
    readCbor(reader) {
      const values = new Map<string, T>();
      if (reader.readNull()) return values;
      const count = reader.beginMap();
      for (let index = 0; reader.nextItem(index, count); index++) {
        const key = reader.readTextKey();
        reader.path.push(key);
        values.set(key, item.readCbor(reader));
        reader.path.pop();
      }
      return values;
    },
    toJson(value) {
      const members = [...value].sort(([a], [b]) => compareUtf8(a, b));
      return `{${members.map(([key, element]) => `${quoteJson(key)}:${item.toJson(element)}`).join(',')}}`;
    },
    writeCbor: (writer, value) => writeMap(writer, value, item.writeCbor),
  };
}

/**
 * A list whose elements are objects without depth, and which comes again and again in one message
 * (components of one source have the same properties): lists that follow an equal one are the same
 * object in CBOR, and frozen then.
 */
export function repeated<T extends object>(kind: Kind<readonly T[]>): Kind<readonly T[]> {
  const freeze = (values: readonly T[]): void => {
    for (const value of values) Object.freeze(value);
    Object.freeze(values);
  };
  return { ...kind, readCbor: (reader) => reader.readRepeated(kind, freeze) };
}

/** A kind whose value may be `null`, which is also its zero value. */
export function nullable<T>(kind: Kind<T>): Kind<T | null> {
  return {
    zero: null,
    isEmpty: (value) => value === null || kind.isEmpty(value),
    readJson: (reader) => (reader.readNull() ? null : kind.readJson(reader)),
    readCbor: (reader) => (reader.readNull() ? null : kind.readCbor(reader)),
    toJson: (value) => (value === null ? 'null' : kind.toJson(value)),
    writeCbor: (writer, value) =>
      value === null ? writeNull(writer) : kind.writeCbor(writer, value),
  };
}

/** A kind that has no zero value: a member of it must be there. */
export function mandatory<T>(kind: Kind<T>): Kind<T> {
  return { ...kind, zero: undefined };
}

/** One of some texts; there is no zero value. */
export function oneOf<T extends string>(...choices: readonly T[]): Kind<T> {
  const choose = (reader: DecodeCursor, value: string): T =>
    choices.find((choice) => choice === value) ??
    reader.fail('ERR_DECODE_VALUE', `expected one of ${choices.join(', ')}`);
  return {
    zero: undefined,
    isEmpty: (value) => value === '',
    readJson: (reader) => choose(reader, reader.readText()),
    readCbor: (reader) => choose(reader, reader.readText()),
    toJson: quoteJson,
    writeCbor: writeText,
  };
}

function integer(min: number, max: number): Kind<number> {
  const check = (reader: DecodeCursor, value: number | bigint): number =>
    typeof value === 'number' && value >= min && value <= max
      ? value
      : reader.fail('ERR_DECODE_VALUE', `integer ${value} is not within ${min} to ${max}`);
  const requireRange = (value: number): number => {
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw new RangeError(`integer: expected ${min} to ${max}, got ${value}`);
  };
  return {
    zero: 0,
    isEmpty: (value) => value === 0,
    readJson: (reader) => check(reader, reader.readInteger()),
    readCbor: (reader) => check(reader, reader.readInteger()),
    toJson: (value) => `${requireRange(value)}`,
    writeCbor: (writer, value) => writeInteger(writer, requireRange(value)),
  };
}

function refuseNegative(reader: DecodeCursor, value: Uint64): Uint64 {
  return value < 0 ? reader.fail('ERR_DECODE_VALUE', `integer ${value} is negative`) : value;
}

function requireBoolean(value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`boolean: got ${typeof value}`);
}

function requireBytes(value: Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`bytes: expected a Uint8Array, got ${typeof value}`);
}

function requireUint64(value: Uint64): Uint64 {
  const isExact = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (isExact && value >= 0 && value <= MAX_UINT64) return value;
  throw new RangeError(`integer: expected 0 to 2^64 - 1, got ${value}`);
}
