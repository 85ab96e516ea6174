import { compareBytes, type DecodeCursor } from '@cmc/bytes';
import { readCborItem } from './cbor.ts';
import { MAJOR } from './cbor-reader.ts';
import { encodeKey, writeHead } from './cbor-writer.ts';
import { quoteJson } from './json-text.ts';
import type { Kind } from './kind.ts';

/** Key of a member in CBOR; `undefined` for members that exist in JSON only. */
export type FieldKey = number | string | undefined;

interface Field<T, Presence> {
  readonly key: FieldKey;
  readonly kind: Kind<T>;
  readonly presence: Presence;
}
/** A member that is always written. */
export type RequiredField<T> = Field<T, 'always' | 'always-in-json'>;
/** A member that is left out when it is empty. */
export type OptionalField<T> = Field<T, 'when-set'>;

/** One field per member of `T`, in the order of the JSON text. */
export type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? OptionalField<Exclude<T[K], undefined>>
    : RequiredField<T[K]>;
};

/** Describes a structure in both encodings. It is a {@link Kind}: structures nest. */
export interface StructSchema<T> extends Kind<T> {
  /** First element of the path of errors. */
  readonly name: string;
  readonly fields: Fields<T>;
  /** Whether all members are empty. */
  readonly isBlank: (value: T) => boolean;
}

/** A member that is always written; `key` is its CBOR key. */
export function field<T>(key: FieldKey, kind: Kind<T>): RequiredField<T> {
  return { key, kind, presence: 'always' };
}

/** A member that is left out of both encodings when it is absent or empty. */
export function optional<T>(key: FieldKey, kind: Kind<T>): OptionalField<T> {
  return { key, kind, presence: 'when-set' };
}

/** A structure that JSON always has and CBOR has only when it is not blank. */
export function optionalInCbor<T>(key: FieldKey, schema: StructSchema<T>): RequiredField<T> {
  return { key, kind: { ...schema, isEmpty: schema.isBlank }, presence: 'always-in-json' };
}

/**
 * Compiles the description of a structure. Decoding ignores members it does not know, takes the
 * zero value for those that are missing, and refuses duplicates and JSON keys that differ from a
 * known one in case only (other decoders would take them for the known one).
 */
export function struct<T extends object>(name: string, fields: Fields<T>): StructSchema<T> {
  const members = compile(fields);
  const byName = new Map(members.map((member) => [member.name, member]));
  const foldedNames = new Set(members.map((member) => fold(member.name)));
  const inCbor = members
    .filter((member) => member.key !== undefined)
    .sort((a, b) => compareBytes(a.cbor, b.cbor));
  const byKey = new Map(inCbor.map((member): [FieldKey | bigint, Member] => [member.key, member]));
  const assemble = assembler(members);
  // Of the structures that were read before: there are as many as such structures nest.
  const spare: unknown[][] = [];
  const takeSlots = (): unknown[] => spare.pop() ?? new Array(members.length).fill(ABSENT);
  const finish = (slots: unknown[], cursor: DecodeCursor): T => {
    const value = assemble(slots, cursor) as T;
    spare.push(slots.fill(ABSENT));
    return value;
  };

  return {
    name,
    fields,
    zero: zeroOf(members) as T | undefined,
    // A structure that is there was set on purpose, even if all its members are empty.
    isEmpty: () => false,
    isBlank: (value) => members.every((member) => isUnset(member, itemOf(member, value))),

    readJson(reader) {
      const slots = takeSlots();
      let unknown: Set<string> | undefined;
      reader.beginObject();
      for (let index = 0; ; index++) {
        const key = reader.nextKey(index);
        if (key === undefined) break;
        reader.path.push(key);
        const member = byName.get(key);
        if (member !== undefined) {
          if (slots[member.index] !== ABSENT) reader.fail('ERR_DECODE_DUPLICATE', 'duplicate key');
          slots[member.index] = member.kind.readJson(reader);
        } else {
          unknown ??= new Set();
          if (unknown.has(key)) reader.fail('ERR_DECODE_DUPLICATE', 'duplicate key');
          unknown.add(key);
          if (foldedNames.has(fold(key))) {
            reader.fail('ERR_DECODE_VALUE', 'key differs from a known one in case only');
          }
          reader.readValue();
        }
        reader.path.pop();
      }
      return finish(slots, reader);
    },

    readCbor(reader) {
      const slots = takeSlots();
      const count = reader.beginMap();
      for (let index = 0; reader.nextItem(index, count); index++) {
        const key = reader.readKey();
        const member = byKey.get(key);
        reader.path.push(member?.name ?? String(key));
        if (member === undefined) readCborItem(reader);
        else slots[member.index] = member.kind.readCbor(reader);
        reader.path.pop();
      }
      return finish(slots, reader);
    },

    toJson(value) {
      let text = '';
      for (const member of members) {
        const item = itemOf(member, value);
        if (member.optionalInJson && isUnset(member, item)) continue;
        text += `${text === '' ? '{' : ','}${member.json}${member.kind.toJson(item)}`;
      }
      return text === '' ? '{}' : `${text}}`;
    },

    writeCbor(writer, value) {
      const written = inCbor.filter(
        (member) => !(member.optionalInCbor && isUnset(member, itemOf(member, value))),
      );
      writeHead(writer, MAJOR.map, written.length);
      for (const member of written) {
        writer.bytes(member.cbor);
        member.kind.writeCbor(writer, itemOf(member, value));
      }
    },
  };
}

/** A field, compiled. */
interface Member {
  readonly name: string;
  readonly index: number;
  readonly key: FieldKey;
  readonly kind: Kind<unknown>;
  readonly optionalInJson: boolean;
  readonly optionalInCbor: boolean;
  /** `"name":` */
  readonly json: string;
  /** Encoded key. */
  readonly cbor: Uint8Array;
}

const ABSENT = Symbol('absent');

function compile<T extends object>(fields: Fields<T>): readonly Member[] {
  const entries: [string, RequiredField<unknown> | OptionalField<unknown>][] =
    Object.entries(fields);
  return entries.map(([name, { key, kind, presence }], index) => ({
    name,
    index,
    key,
    kind,
    optionalInJson: presence === 'when-set',
    optionalInCbor: presence !== 'always',
    json: `${quoteJson(name)}:`,
    cbor: key === undefined ? new Uint8Array() : encodeKey(key),
  }));
}

/**
 * What makes an object of the members, in the order of the description, whatever order they came in.
 * A constructor of its own for each structure lets engines keep all members within the object.
 */
function assembler(
  members: readonly Member[],
): (slots: readonly unknown[], cursor: DecodeCursor) => object {
  function Blank(): void {}
  Blank.prototype = Object.prototype;
  const Constructor = Blank as unknown as new () => Record<string, unknown>;
  return (slots, cursor) => {
    const value = new Constructor();
    for (const { name, index, kind, optionalInJson } of members) {
      const item = slots[index];
      if (item !== ABSENT) {
        if (!optionalInJson || !kind.isEmpty(item)) value[name] = item;
      } else if (!optionalInJson) {
        if (kind.zero === undefined) cursor.fail('ERR_DECODE_MISSING', `member ${name} is missing`);
        value[name] = kind.zero;
      }
    }
    return value;
  };
}

/** Value of a structure without members, if there may be one. */
function zeroOf(members: readonly Member[]): object | undefined {
  const required = members.filter((member) => !member.optionalInJson);
  if (required.some(({ kind }) => kind.zero === undefined)) return undefined;
  return Object.freeze(Object.fromEntries(required.map(({ name, kind }) => [name, kind.zero])));
}

function isUnset(member: Member, value: unknown): boolean {
  return value === undefined || member.kind.isEmpty(value);
}

function itemOf(member: Member, value: object): unknown {
  const item = (value as Record<string, unknown>)[member.name];
  if (item === undefined && !member.optionalInJson) {
    throw new TypeError(`${member.name}: missing`);
  }
  return item;
}

/** Equal for keys that a decoder without regard to case takes for one. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}
