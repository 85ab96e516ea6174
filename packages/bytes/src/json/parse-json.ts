import type { DecodeOptions } from '../decode-limits.ts';
import { JsonReader } from './json-reader.ts';
import type { JsonValue } from './json-value.ts';

/**
 * Value of a JSON text (RFC 8259), UTF-8. Refuses duplicate keys, lone surrogates and numbers out
 * of range; objects have no prototype. @throws {DecodeError}
 */
export function parseJson(bytes: Uint8Array, options: DecodeOptions = {}): JsonValue {
  const reader = new JsonReader(bytes, 'JSON', options);
  const value = reader.readValue();
  reader.end();
  return value;
}
