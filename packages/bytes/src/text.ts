import { DecodeError } from './errors.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();
const HEX_DIGITS = utf8.encode('0123456789abcdef');
const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const STANDARD = utf8.encode(`${LETTERS_AND_DIGITS}+/`);
const URL_SAFE = utf8.encode(`${LETTERS_AND_DIGITS}-_`);
/** Value of characters that are no base64 digit; digits have 0 to 63. */
const NO_DIGIT = 0x80;
const STANDARD_VALUES = valuesOf(STANDARD);
const URL_SAFE_VALUES = valuesOf(URL_SAFE);
const PADDING = 0x3d;
/** Bits of the last group that stand for no byte, by the number of its digits. */
const UNUSED_BITS = [0, 0, 0xffff, 0xff];

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  const digits = new Uint8Array(2 * bytes.length);
  let at = 0;
  for (const byte of bytes) {
    digits[at++] = HEX_DIGITS[byte >> 4] ?? 0;
    digits[at++] = HEX_DIGITS[byte & 0x0f] ?? 0;
  }
  // Not by appending: the pieces would stay in memory for as long as the text.
  return strictUtf8.decode(digits);
}

/** Bytes of a hex string of either case. @throws {DecodeError} odd length or another character. */
export function fromHex(text: string, name = 'hex'): Uint8Array {
  if (text.length % 2 !== 0) {
    throw formatError(`odd number of hex digits (${text.length})`, name, text.length);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) {
      throw formatError('not a hex digit', name, high < 0 ? 2 * i : 2 * i + 1);
    }
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** Standard base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  const { digits, unused } = encodeBase64(bytes, STANDARD);
  return strictUtf8.decode(digits.fill(PADDING, digits.length - unused));
}

/**
 * Bytes of standard base64 with padding. Only the canonical spelling is accepted, so that one byte
 * string has one text. @throws {DecodeError} ERR_DECODE_FORMAT
 */
export function fromBase64(text: string, name = 'base64'): Uint8Array {
  if (text.length % 4 !== 0) {
    throw formatError('length of padded base64 is no multiple of 4', name, text.length);
  }
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return decodeBase64(text, text.length - padding, STANDARD_VALUES, name);
}

/** base64url without padding (RFC 4648, section 5). */
export function toBase64url(bytes: Uint8Array): string {
  const { digits, unused } = encodeBase64(bytes, URL_SAFE);
  return strictUtf8.decode(digits.subarray(0, digits.length - unused));
}

/** Bytes of base64url without padding; only the canonical spelling. @throws {DecodeError} */
export function fromBase64url(text: string, name = 'base64url'): Uint8Array {
  return decodeBase64(text, text.length, URL_SAFE_VALUES, name);
}

/** UTF-8 bytes of `text`. */
export function encodeUtf8(text: string): Uint8Array {
  return utf8.encode(text);
}

/** Text of UTF-8 `bytes`; a leading byte order mark is kept. @throws {DecodeError} not UTF-8 */
export function decodeUtf8(bytes: Uint8Array, name = 'text'): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    throw new DecodeError(
      'ERR_DECODE_FORMAT',
      'not valid UTF-8',
      { path: [name], offset: 0 },
      {
        cause: error,
      },
    );
  }
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}

function formatError(message: string, name: string, offset: number): DecodeError {
  return new DecodeError('ERR_DECODE_FORMAT', message, { path: [name], offset });
}

/** Digits of whole groups of four, and how many at the end stand for no bits. */
function encodeBase64(
  bytes: Uint8Array,
  alphabet: Uint8Array,
): { readonly digits: Uint8Array; readonly unused: number } {
  const digits = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  for (let i = 0, at = 0; i < bytes.length; i += 3, at += 4) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    digits[at] = alphabet[group >> 18] ?? 0;
    digits[at + 1] = alphabet[(group >> 12) & 0x3f] ?? 0;
    digits[at + 2] = alphabet[(group >> 6) & 0x3f] ?? 0;
    digits[at + 3] = alphabet[group & 0x3f] ?? 0;
  }
  return { digits, unused: (3 - (bytes.length % 3)) % 3 };
}

/** Bytes that the first `length` characters of `text` stand for. */
function decodeBase64(text: string, length: number, values: Uint8Array, name: string): Uint8Array {
  const rest = length % 4;
  if (rest === 1) throw formatError('base64 ends within a byte', name, length);
  const digits = utf8.encode(text).subarray(0, length);
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  let seen = 0;
  let group = 0;
  for (let i = 0, at = 0; i < length; i += 4, at += 3) {
    const a = values[digits[i] ?? 0] ?? NO_DIGIT;
    const b = values[digits[i + 1] ?? 0] ?? NO_DIGIT;
    const c = i + 2 < length ? (values[digits[i + 2] ?? 0] ?? NO_DIGIT) : 0;
    const d = i + 3 < length ? (values[digits[i + 3] ?? 0] ?? NO_DIGIT) : 0;
    seen |= a | b | c | d;
    group = (a << 18) | (b << 12) | (c << 6) | d;
    bytes[at] = group >> 16;
    bytes[at + 1] = group >> 8;
    bytes[at + 2] = group;
  }
  if (seen >= NO_DIGIT) {
    const offset = digits.findIndex((digit) => (values[digit] ?? NO_DIGIT) === NO_DIGIT);
    throw formatError('not a base64 digit', name, offset);
  }
  if ((group & (UNUSED_BITS[rest] ?? 0)) !== 0) {
    throw formatError('unused bits of the last base64 digit are not zero', name, length - 1);
  }
  return bytes;
}

/** Value of every ASCII character in a base64 alphabet. */
function valuesOf(alphabet: Uint8Array): Uint8Array {
  const values = new Uint8Array(0x80).fill(NO_DIGIT);
  for (const [value, character] of alphabet.entries()) values[character] = value;
  return values;
}
