export { compareBytes, concatBytes, equalBytes } from './bytes.ts';
export type { DecodeErrorCode } from './errors.ts';
export { CmcError, DecodeError } from './errors.ts';
export type { Logger } from './logger.ts';
export { silentLogger } from './logger.ts';
export type { Endianness } from './reader.ts';
export { ByteReader } from './reader.ts';
export {
  decodeUtf8,
  encodeUtf8,
  fromBase64,
  fromBase64url,
  fromHex,
  toBase64,
  toBase64url,
  toHex,
} from './text.ts';
export { ByteWriter } from './writer.ts';
