import { DecodeError } from './errors.ts';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();
// String.fromCharCode takes its input as arguments: stay far below the engine's limit on those.
const CHUNK = 0x2000;

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Bytes of a hex string of either case. @throws {DecodeError} odd length or another character. */
export function fromHex(text: string, name = 'hex'): Uint8Array {
  if (text.length % 2 !== 0) {
    throw new DecodeError('ERR_DECODE_FORMAT', `odd number of hex digits (${text.length})`, {
      path: [name],
      offset: text.length,
    });
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) {
      throw new DecodeError('ERR_DECODE_FORMAT', 'not a hex digit', {
        path: [name],
        offset: high < 0 ? 2 * i : 2 * i + 1,
      });
    }
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** Standard base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  }
  return btoa(binary);
}

/**
 * Bytes of standard base64 with padding. Only the canonical spelling is accepted, so that one byte
 * string has one text. @throws {DecodeError} ERR_DECODE_FORMAT
 */
export function fromBase64(text: string, name = 'base64'): Uint8Array {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw notBase64(name, 'expected base64 with padding');
  }
  const bytes = fromBinaryString(atob(text));
  if (!hasZeroTrailingBits(text))
    throw notBase64(name, 'unused bits of the last digit are not zero');
  return bytes;
}

/** base64url without padding (RFC 4648, section 5). */
export function toBase64url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Bytes of base64url without padding; only the canonical spelling. @throws {DecodeError} */
export function fromBase64url(text: string, name = 'base64url'): Uint8Array {
  if (text.length % 4 === 1 || !/^[A-Za-z0-9_-]*$/.test(text)) {
    throw notBase64(name, 'expected base64url without padding');
  }
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return fromBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='), name);
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

function notBase64(name: string, message: string): DecodeError {
  return new DecodeError('ERR_DECODE_FORMAT', message, { path: [name], offset: 0 });
}

function fromBinaryString(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function hasZeroTrailingBits(text: string): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (padding === 0) return true;
  const last = ALPHABET.indexOf(text.charAt(text.length - padding - 1));
  return (last & (padding === 2 ? 0x0f : 0x03)) === 0;
}
