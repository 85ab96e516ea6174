import { DecodeError, encodeUtf8, fromBase64, toBase64 } from '@cmc/bytes';

const LINE_CHARACTERS = 76;
const CR = 0x0d;
const LF = 0x0a;
const ASCII_END = 0x80;

/** base64 of `bytes` in lines of 76 characters, each with CRLF at its end (RFC 2045, section 6.8). */
export function encodeBase64Lines(bytes: Uint8Array): Uint8Array {
  const text = toBase64(bytes);
  let lines = '';
  for (let at = 0; at < text.length; at += LINE_CHARACTERS) {
    lines += `${text.slice(at, at + LINE_CHARACTERS)}\r\n`;
  }
  return encodeUtf8(lines);
}

/**
 * Bytes of base64 text, whose line ends may stand anywhere (RFC 8951, section 3.1). Apart from them
 * only the canonical spelling is accepted. @throws {DecodeError} ERR_DECODE_FORMAT
 */
export function decodeBase64Lines(text: Uint8Array, name = 'base64'): Uint8Array {
  const digits = text.filter((byte) => byte !== CR && byte !== LF);
  if (digits.some((byte) => byte >= ASCII_END)) {
    throw new DecodeError('ERR_DECODE_FORMAT', 'not base64', { path: [name], offset: 0 });
  }
  return fromBase64(new TextDecoder().decode(digits), name);
}
