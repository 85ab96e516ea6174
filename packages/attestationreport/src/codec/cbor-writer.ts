import { ByteWriter, compareBytes, encodeUtf8 } from '@cmc/bytes';
import { MAJOR } from './cbor-reader.ts';
import type { CborKey, Float } from './cbor-value.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;
/** Up to this length ASCII text is copied faster than an encoder is called. */
const SHORT_TEXT = 24;
const MAX_UINT64 = 2n ** 64n - 1n;

export function writeNull(writer: ByteWriter): void {
  writer.u8(0xf6);
}

export function writeBoolean(writer: ByteWriter, value: boolean): void {
  writer.u8(value ? 0xf5 : 0xf4);
}

/** Head of an item: major type and argument in the shortest form. */
export function writeHead(writer: ByteWriter, major: number, argument: number | bigint): void {
  const type = major << 5;
  if (argument < 24) writer.u8(type | Number(argument));
  else if (argument < 0x100) writer.u8(type | 24).u8(Number(argument));
  else if (argument < 0x1_0000) writer.u8(type | 25).u16(Number(argument));
  else if (argument < 0x1_0000_0000) writer.u8(type | 26).u32(Number(argument));
  else writer.u8(type | 27).u64(BigInt(argument));
}

/** @throws {RangeError} no integer, or outside -2^64 to 2^64 - 1 */
export function writeInteger(writer: ByteWriter, value: number | bigint): void {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`integer: ${value} is not a safe integer`);
  }
  if (value > MAX_UINT64 || value < -MAX_UINT64 - 1n) {
    throw new RangeError(`integer: ${value} does not fit 64 bits`);
  }
  if (value >= 0) writeHead(writer, MAJOR.unsigned, value);
  else writeHead(writer, MAJOR.negative, typeof value === 'number' ? -1 - value : -1n - value);
}

export function writeBytes(writer: ByteWriter, value: Uint8Array): void {
  writeHead(writer, MAJOR.bytes, value.length);
  writer.bytes(value);
}

/** A floating-point number in the width it has. */
export function writeFloat(writer: ByteWriter, value: Float): void {
  writer.u8(0xf8 + Math.log2(value.encoded.length)).bytes(value.encoded);
}

/** @throws {TypeError} no text, or lone surrogates */
export function writeText(writer: ByteWriter, value: string): void {
  if (typeof value !== 'string') throw new TypeError(`text: got ${typeof value}`);
  const bytes = encodeShortAscii(value) ?? encodeUtf8(value);
  if (bytes.length !== value.length && LONE_SURROGATE.test(value)) {
    throw new TypeError('text: lone surrogate');
  }
  writeHead(writer, MAJOR.text, bytes.length);
  writer.bytes(bytes);
}

/** Encoded map key. */
export function encodeKey(key: CborKey): Uint8Array {
  const writer = new ByteWriter();
  writeKey(writer, key);
  return writer.finish();
}

function writeKey(writer: ByteWriter, key: CborKey): void {
  if (typeof key === 'string') writeText(writer, key);
  else writeInteger(writer, key);
}

/** Map with its members in the canonical order. @throws {TypeError} `1` and `1n` as keys */
export function writeMap<V>(
  writer: ByteWriter,
  entries: Iterable<readonly [CborKey, V]>,
  writeValue: (writer: ByteWriter, value: V) => void,
): void {
  const keys = new ByteWriter();
  const ends = Array.from(entries, ([key, value]) => {
    writeKey(keys, key);
    return { end: keys.length, value };
  });
  const encoded = keys.finish();
  const members = ends.map(({ end, value }, i) => ({
    key: encoded.subarray(ends[i - 1]?.end ?? 0, end),
    value,
  }));
  members.sort((a, b) => {
    const order = compareBytes(a.key, b.key);
    if (order === 0) throw new TypeError('map: two keys have one encoding');
    return order;
  });
  writeHead(writer, MAJOR.map, members.length);
  for (const member of members) {
    writer.bytes(member.key);
    writeValue(writer, member.value);
  }
}

function encodeShortAscii(value: string): Uint8Array | undefined {
  if (value.length > SHORT_TEXT) return undefined;
  const bytes = new Uint8Array(value.length);
  for (let i = 0; i < bytes.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit >= 0x80) return undefined;
    bytes[i] = unit;
  }
  return bytes;
}
