import type { JsonObject, JsonValue } from '@cmc/attestationreport';
import {
  decodeStruct,
  encodeStruct,
  parseJson,
  type StructSchema,
} from '@cmc/attestationreport/codec';
import { decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { UsageError } from '@cmc/host';
import { readInput } from './files.ts';

/** The JSON value in a file, or in the argument itself when it looks like JSON. */
export async function readJson(pathOrText: string): Promise<JsonValue> {
  const inline = /^\s*[[{]/.test(pathOrText);
  const bytes = inline ? encodeUtf8(pathOrText) : await readInput(pathOrText);
  try {
    return parseJson(bytes);
  } catch (error) {
    throw new UsageError(`${inline ? 'the argument' : pathOrText} is not JSON`, { cause: error });
  }
}

/** The JSON object in a file or argument. */
export async function readJsonObject(pathOrText: string): Promise<JsonObject> {
  const value = await readJson(pathOrText);
  if (!isJsonObject(value)) throw new UsageError(`${pathOrText}: expected a JSON object`);
  return value;
}

function isJsonObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The typed value of a JSON object that a person wrote. Unlike decoding of a peer's message, a key
 * that means nothing is refused: it is a typing error, and here it would weaken a manifest.
 */
export function typedValue<T>(schema: StructSchema<T>, object: JsonObject): T {
  const text = JSON.stringify(object);
  const { value } = decode(schema, text);
  const kept = JSON.parse(decodeUtf8(encodeStruct(schema, value, 'json')));
  const lost = lostKey(JSON.parse(text), kept, '');
  if (lost !== undefined) throw new UsageError(`${schema.name}: unknown key ${lost}`);
  return value;
}

function decode<T>(schema: StructSchema<T>, text: string): { readonly value: T } {
  try {
    return decodeStruct(schema, encodeUtf8(text));
  } catch (error) {
    throw new UsageError(`not a valid ${schema.name}`, { cause: error });
  }
}

/** Path of the first key with a meaning-carrying value that `kept` lacks. */
function lostKey(given: unknown, kept: unknown, path: string): string | undefined {
  if (Array.isArray(given)) {
    const list: readonly unknown[] = Array.isArray(kept) ? kept : [];
    return firstDefined(given.map((item, i) => () => lostKey(item, list[i], `${path}[${i}]`)));
  }
  if (typeof given !== 'object' || given === null) return undefined;
  const members = new Map(Object.entries(kept ?? {}));
  return firstDefined(
    Object.entries(given).map(([key, value]) => () => {
      const here = path === '' ? key : `${path}.${key}`;
      if (!members.has(key)) return isEmpty(value) ? undefined : here;
      return lostKey(value, members.get(key), here);
    }),
  );
}

/** Values that the format leaves out. */
function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false || value === 0 || value === '';
}

function firstDefined(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}
