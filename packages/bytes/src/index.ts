export { abortable } from './abortable.ts';
export { compareBytes, concatBytes, equalBytes } from './bytes.ts';
export { DecodeCursor } from './decode-cursor.ts';
export type { DecodeOptions } from './decode-limits.ts';
export {
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_ITEMS,
  MAX_CONTAINER_ITEMS,
  MAX_DEPTH,
} from './decode-limits.ts';
export type { DecodeErrorCode } from './errors.ts';
export { CmcError, DecodeError } from './errors.ts';
export { JsonReader } from './json/json-reader.ts';
export type { JsonObject, JsonValue } from './json/json-value.ts';
export { parseJson } from './json/parse-json.ts';
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
