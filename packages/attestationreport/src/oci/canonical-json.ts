import type { JsonValue } from '../types/report.ts';
import { isJsonArray } from './json-values.ts';

/**
 * Canonical JSON text of a value (RFC 8785, JCS): members in the order of their UTF-16 code units,
 * numbers as ECMAScript writes them (of integers beyond 53 bits only what `number` holds of them),
 * no white space.
 * @throws {RangeError} a number that is not finite, or text with a lone surrogate: neither has a
 * canonical form.
 */
export function canonicalizeJson(value: JsonValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return canonicalNumber(Number(value));
  if (typeof value === 'string') return canonicalText(value);
  if (isJsonArray(value)) return `[${value.map(canonicalizeJson).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .map((key) => `${canonicalText(key)}:${canonicalizeJson(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value))
    throw new RangeError(`canonical JSON: ${value} is not a JSON number`);
  return JSON.stringify(value);
}

function canonicalText(value: string): string {
  if (/\p{Surrogate}/u.test(value)) {
    throw new RangeError('canonical JSON: text contains a lone surrogate');
  }
  return JSON.stringify(value);
}
