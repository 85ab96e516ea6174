import { type ByteReader, DecodeError, toHex } from '@cmc/bytes';
import type { Uint64 } from './types.ts';

export const GUID_BYTES = 16;
const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true });
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** A 64-bit number, as `number` when that is exact. */
export function readUint64(reader: ByteReader): Uint64 {
  const value = reader.u64();
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** GUID text: the first three groups are little-endian. */
export function readGuid(reader: ByteReader): string {
  return guidText(reader.bytes(GUID_BYTES));
}

export function guidText(bytes: Uint8Array): string {
  const hex = (start: number, end: number): string => toHex(bytes.subarray(start, end));
  const swapped = (start: number, end: number): string => toHex(bytes.slice(start, end).reverse());
  return [swapped(0, 4), swapped(4, 6), swapped(6, 8), hex(8, 10), hex(10, 16)].join('-');
}

/** UTF-16 text of all bytes; what is none is U+FFFD. */
export function utf16Text(bytes: Uint8Array): string {
  return utf16.decode(bytes);
}

/** UTF-16 text up to its NUL, which is read, too. */
export function readUtf16z(reader: ByteReader): string {
  const bytes: number[] = [];
  for (let unit = reader.u16(); unit !== 0; unit = reader.u16()) bytes.push(unit & 0xff, unit >> 8);
  return utf16Text(Uint8Array.from(bytes));
}

/** Text of all bytes, NULs included: ASCII by the standards, read as UTF-8. */
export function plainText(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** Printable form of text whose encoding is unknown: what is neither printable nor a space is a dot. */
export function printable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const isKept = (byte >= 28 && byte <= 127) || (byte >= 9 && byte <= 13);
    text += isKept ? String.fromCharCode(byte) : '.';
  }
  return text;
}

/** `0x` and eight upper-case hex digits. */
export function hex32(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(8, '0')}`;
}

/** What `read` gives, `undefined` when the bytes are malformed. */
export function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** All numbers of 16 bits that fit. */
export function readUint16s(reader: ByteReader): number[] {
  const numbers: number[] = [];
  while (reader.remaining >= 2) numbers.push(reader.u16());
  return numbers;
}
