import { DecodeError } from '@cmc/bytes';
import type { JsonObject, JsonValue } from '../types/report.ts';
import { emptyObject, isJsonArray, isJsonObject, member } from './json-values.ts';
import { type Field, type Kind, type Struct, specStruct } from './spec-schema.ts';

/**
 * A copy of an OCI runtime configuration in the one JSON form that is hashed: members that runtime
 * specification 1.3.0 does not know are gone, optional ones with a zero value too, required ones
 * are present.
 * @throws {DecodeError} ERR_DECODE_TYPE a member of the wrong type; ERR_DECODE_FORMAT a member
 * whose name differs from a known one only in case.
 */
export function conformSpec(spec: JsonObject): JsonObject {
  return conformStruct(specStruct, spec, ['ociSpec']);
}

function conformStruct(struct: Struct, input: JsonObject, path: readonly string[]): JsonObject {
  refuseNamesInOtherCase(struct, input, path);
  const output = emptyObject();
  for (const [key, field] of Object.entries(struct)) {
    const value = conformField(field, member(input, key) ?? null, [...path, key]);
    if (value !== undefined) output[key] = value;
  }
  return output;
}

function conformField(
  field: Field,
  value: JsonValue,
  path: readonly string[],
): JsonValue | undefined {
  if (value === null && field.written !== 'always') {
    return field.written === 'orNull' ? null : undefined;
  }
  const conformed = conformValue(field.kind, value, path);
  return field.written === 'nonZero' && isZero(conformed) ? undefined : conformed;
}

function conformValue(kind: Kind, value: JsonValue, path: readonly string[]): JsonValue {
  if (kind === 'any') return value;
  if (typeof kind === 'string') return conformScalar(kind, value, path);
  if ('list' in kind) {
    if (value === null) return null;
    if (!isJsonArray(value)) throw wrongType('an array', value, path);
    return value.map((element, i) => conformValue(kind.list, element, [...path, String(i)]));
  }
  if (value !== null && !isJsonObject(value)) throw wrongType('an object', value, path);
  if ('struct' in kind) return conformStruct(kind.struct, value ?? emptyObject(), path);
  const output = emptyObject();
  for (const key of Object.keys(value ?? emptyObject())) {
    output[key] = conformValue(kind.map, value?.[key] ?? null, [...path, key]);
  }
  return output;
}

function conformScalar(
  kind: 'text' | 'bool' | 'int' | 'uint',
  value: JsonValue,
  path: readonly string[],
): JsonValue {
  switch (kind) {
    case 'text':
      if (value !== null && typeof value !== 'string') throw wrongType('a string', value, path);
      return value ?? '';
    case 'bool':
      if (value !== null && typeof value !== 'boolean') throw wrongType('a boolean', value, path);
      return value ?? false;
    case 'int':
      if (value !== null && !isInteger(value)) throw wrongType('an integer', value, path);
      return value ?? 0;
    case 'uint':
      if (value !== null && !(isInteger(value) && value >= 0)) {
        throw wrongType('an integer that is not negative', value, path);
      }
      return value ?? 0;
  }
}

function isInteger(value: JsonValue): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value);
}

function isZero(value: JsonValue): boolean {
  if (isJsonArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  return value === null || value === '' || value === 0 || value === false;
}

// Other implementations match member names ignoring case. Dropping such a member as unknown would
// give one text two meanings.
function refuseNamesInOtherCase(struct: Struct, input: JsonObject, path: readonly string[]): void {
  for (const key of Object.keys(input)) {
    if (Object.hasOwn(struct, key)) continue;
    const known = Object.keys(struct).find((name) => name.toLowerCase() === key.toLowerCase());
    if (known !== undefined) {
      throw new DecodeError(
        'ERR_DECODE_FORMAT',
        `expected member ${JSON.stringify(known)}, got ${JSON.stringify(key)}`,
        { path, offset: 0 },
      );
    }
  }
}

function wrongType(expected: string, value: JsonValue, path: readonly string[]): DecodeError {
  const got = value === null ? 'null' : isJsonArray(value) ? 'array' : typeof value;
  return new DecodeError('ERR_DECODE_TYPE', `expected ${expected}, got ${got}`, {
    path,
    offset: 0,
  });
}
