import { type DerReader, Tag } from '../crypto/index.ts';
import { readDirectoryString } from './der-text.ts';

/** One attribute of a name. */
export interface NameAttribute {
  /** Dotted OID. */
  readonly oid: string;
  readonly value: string;
}

const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.5', 'SERIALNUMBER'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.17', 'POSTALCODE'],
]);

/** A name (RFC 5280, section 4.1.2.4): its DER, which is what is compared, and its attributes. */
export interface DistinguishedName {
  readonly raw: Uint8Array;
  /** In the order encoded. */
  readonly attributes: readonly NameAttribute[];
  /** RFC 4514, most specific attribute first: `CN=leaf,O=Example`. */
  readonly text: string;
}

/** The next element, a name. */
export function readName(reader: DerReader, label: string): DistinguishedName {
  const { raw, contents: sequence } = reader.open(Tag.Sequence, label);
  const attributes: NameAttribute[] = [];
  while (!sequence.done) {
    const set = sequence.enter(Tag.Set, 'relativeDistinguishedName');
    do {
      const attribute = set.enter(Tag.Sequence, 'attribute');
      const oid = attribute.oid('type');
      attributes.push({ oid, value: readDirectoryString(attribute, 'value') });
      attribute.end();
    } while (!set.done);
  }
  return { raw, attributes, text: nameText(attributes) };
}

function nameText(attributes: readonly NameAttribute[]): string {
  return attributes
    .map(({ oid, value }) => `${SHORT_NAMES.get(oid) ?? oid}=${escapeValue(value)}`)
    .reverse()
    .join(',');
}

function escapeValue(value: string): string {
  return value
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    .replaceAll('\0', '\\00');
}
