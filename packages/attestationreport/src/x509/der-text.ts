import { decodeUtf8, toHex } from '@cmc/bytes';
import { type DerReader, Tag } from '../crypto/index.ts';

/** Text of the next element, a directory string of any kind; other types come out as `#` and hex. */
export function readDirectoryString(reader: DerReader, name: string): string {
  const tag = reader.peek();
  const bytes = reader.read(tag, name);
  switch (tag) {
    case Tag.Utf8String:
      return decodeUtf8(bytes, name);
    case Tag.PrintableString:
    case Tag.NumericString:
    case Tag.Ia5String:
    case Tag.VisibleString:
      return asciiText(bytes, reader, name);
    case Tag.T61String:
      return String.fromCharCode(...bytes);
    case Tag.BmpString:
      if (bytes.length % 2 !== 0) reader.fail('ERR_DECODE_VALUE', `${name}: odd BMPString`);
      return utf16Text(bytes);
    default:
      return `#${toHex(bytes)}`;
  }
}

/** Text of bytes that must be ASCII. */
export function asciiText(bytes: Uint8Array, reader: DerReader, name: string): string {
  if (bytes.some((byte) => byte > 0x7f)) reader.fail('ERR_DECODE_VALUE', `${name}: not ASCII`);
  return decodeUtf8(bytes, name);
}

function utf16Text(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 2) {
    text += String.fromCharCode(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  }
  return text;
}
