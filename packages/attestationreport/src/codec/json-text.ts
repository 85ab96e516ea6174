import { compareBytes, encodeUtf8 } from '@cmc/bytes';
import type { JsonObject, JsonValue } from '../types/report.ts';

const SPECIAL = /[<>&\u2028\u2029\ud800-\udfff]/;
const GO_ESCAPED = /[<>&\u2028\u2029]/g;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** JSON string literal with the escapes of Go's `encoding/json`. @throws {TypeError} lone surrogates */
export function quoteJson(text: string): string {
  if (typeof text !== 'string') throw new TypeError(`text: got ${typeof text}`);
  const quoted = JSON.stringify(text);
  if (!SPECIAL.test(text)) return quoted;
  if (LONE_SURROGATE.test(text)) throw new TypeError('text: lone surrogate');
  return quoted.replace(
    GO_ESCAPED,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** How the members of objects are ordered. */
export interface StringifyOptions {
  /** `sorted`: bytewise by key, as Go writes maps; `kept`: as in the object. Default `sorted`. */
  readonly keys?: 'sorted' | 'kept';
}

/** Compact JSON as Go's `encoding/json` writes it: its escapes, its numbers, its key order. */
export function stringifyGoJson(value: JsonValue, options: StringifyOptions = {}): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoteJson(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return numberToJson(value);
  if (isJsonArray(value))
    return `[${value.map((item) => stringifyGoJson(item, options)).join(',')}]`;
  const object: JsonObject = value;
  const keys = Object.keys(object);
  if (options.keys !== 'kept') keys.sort(compareUtf8);
  const members = keys.map(
    (key) => `${quoteJson(key)}:${stringifyGoJson(object[key] ?? null, options)}`,
  );
  return `{${members.join(',')}}`;
}

/** Order of two texts by their UTF-8 bytes. */
export function compareUtf8(a: string, b: string): number {
  return compareBytes(encodeUtf8(a), encodeUtf8(b));
}

/** JSON number of a finite number. @throws {RangeError} */
export function numberToJson(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`number: ${value} is not finite`);
  return Object.is(value, -0) ? '-0' : String(value);
}

/** Narrows a composite JSON value. */
export function isJsonArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
