import { DerReader, Tag } from '@cmc/attestationreport/x509';
import { DecodeError } from '@cmc/bytes';
import { derOid, derSequence, derSet } from './der-writer.ts';

/** What a server wants to see in certification requests, RFC 7030 section 4.5.2. */
export interface CsrAttribute {
  /** Dotted OID. */
  readonly oid: string;
  /** DER of each value; absent when the server named the OID alone. */
  readonly values?: readonly Uint8Array[];
}

const MAX_BYTES = 65_536;
const MAX_ATTRIBUTES = 64;
const MAX_VALUES = 64;

/** DER of CsrAttrs. */
export function encodeCsrAttributes(attributes: readonly CsrAttribute[]): Uint8Array {
  return derSequence(
    ...attributes.map(({ oid, values }) =>
      values === undefined ? derOid(oid) : derSequence(derOid(oid), derSet(...values)),
    ),
  );
}

/** The attributes in DER of CsrAttrs. @throws {DecodeError} */
export function decodeCsrAttributes(bytes: Uint8Array): CsrAttribute[] {
  if (bytes.length > MAX_BYTES) {
    const at = { path: ['CsrAttrs'], offset: 0 };
    throw new DecodeError('ERR_DECODE_LIMIT', `${bytes.length} bytes, at most ${MAX_BYTES}`, at);
  }
  const outer = new DerReader(new Uint8Array(bytes), 'CsrAttrs');
  const reader = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const attributes: CsrAttribute[] = [];
  while (!reader.done) {
    if (attributes.length === MAX_ATTRIBUTES) {
      reader.fail('ERR_DECODE_LIMIT', `more than ${MAX_ATTRIBUTES} attributes`);
    }
    attributes.push(readAttribute(reader));
  }
  return attributes;
}

function readAttribute(reader: DerReader): CsrAttribute {
  if (reader.peek() === Tag.Oid) return { oid: reader.oid('oid') };
  const attribute = reader.enter(Tag.Sequence, 'attribute');
  const oid = attribute.oid('type');
  const set = attribute.enter(Tag.Set, 'values');
  attribute.end();
  const values: Uint8Array[] = [];
  while (!set.done) {
    if (values.length === MAX_VALUES)
      set.fail('ERR_DECODE_LIMIT', `more than ${MAX_VALUES} values`);
    values.push(set.element(set.peek(), 'value'));
  }
  return { oid, values };
}
