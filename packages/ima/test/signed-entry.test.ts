import { DecodeError } from '@cmc/bytes';
import { flipEachByte } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  decodeSignedEntry,
  encodeSignedEntry,
  type ImaEntry,
  imaAsciiToBinary,
  imaEntryDigest,
  parseImaList,
} from '../src/index.ts';
import { digestField, hashOf, nul, writeEntry } from './list-writer.ts';
import { readVector } from './vectors.ts';

const LIST = new TextDecoder().decode(readVector('ima', 'ima-sig-keylime-combined.txt'));
const ENTRIES = parseImaList(imaAsciiToBinary(LIST), { bank: 'SHA-256' }).entries;
const SIGNED = ENTRIES.filter(({ fields }) => (fields.get('sig') ?? []).length > 0);
const DIGEST = digestField('sha256', hashOf('sha256', nul('file')));

function entryOf(
  fields: readonly Uint8Array[],
  template = 'ima-sig',
  logged?: Uint8Array,
): ImaEntry {
  const written = { template, fields, ...(logged === undefined ? {} : { logged }) };
  const [entry] = parseImaList(writeEntry(written), { bank: 'SHA-256' }).entries;
  if (entry === undefined) throw new Error('no entry');
  return entry;
}

/** A signature by its type, as long as one needs to be. */
const signature = (kind: number): Uint8Array => Uint8Array.of(kind, 2, 4, 1, 2, 3, 4, 0, 2, 9, 9);

describe('an entry with a file signature as text', () => {
  test('gives template, path, digest and fields back, and what was extended', () => {
    expect(SIGNED).toHaveLength(2);
    for (const entry of SIGNED) {
      const decoded = decodeSignedEntry(encodeSignedEntry(entry) ?? '');
      const { template, path, digest, fields } = entry;
      expect(decoded).toEqual({ template, path, digest, fields });
      const again = { ...decoded, isViolation: false };
      for (const bank of ['SHA-1', 'SHA-256', 'SHA-512'] as const) {
        expect(imaEntryDigest(again, { bank })).toEqual(imaEntryDigest(entry, { bank }));
      }
    }
  });

  test('is there for all templates that can have one', () => {
    const typed = digestField('ima:sha256', hashOf('sha256', nul('file')));
    for (const entry of [
      entryOf([DIGEST, nul('/bin/a'), signature(3)]),
      entryOf([typed, nul('/bin/a'), signature(3)], 'ima-sigv2'),
      entryOf([DIGEST, signature(3)], 'd-ng|sig'),
    ]) {
      expect(decodeSignedEntry(encodeSignedEntry(entry) ?? '').fields).toEqual(entry.fields);
    }
  });

  test('is not there for others: none, EVM, a violation, one without end', () => {
    const fields = [DIGEST, nul('/bin/a')];
    const long = nul(`/${'a'.repeat(16 * 1024)}`);
    for (const entry of [
      entryOf(fields, 'ima-ng'),
      entryOf([...fields, new Uint8Array()]),
      entryOf([...fields, signature(5)]),
      entryOf([...fields, signature(3)], 'ima-sig', new Uint8Array(20)),
      entryOf([DIGEST, long, signature(3)]),
    ]) {
      expect(encodeSignedEntry(entry)).toBeUndefined();
    }
  });

  test('R22 every prefix is refused, and every flipped byte gives another entry or none', () => {
    for (const entry of SIGNED) {
      const text = encodeSignedEntry(entry) ?? '';
      for (let end = 0; end < text.length; end++) {
        expect(() => decodeSignedEntry(text.slice(0, end))).toThrow(DecodeError);
      }
      for (const { bytes } of flipEachByte(
        new TextEncoder().encode(text.slice('ima-sig '.length)),
      )) {
        const flipped = `ima-sig ${new TextDecoder('latin1').decode(bytes)}`;
        expect(outcome(flipped)).not.toEqual(outcome(text));
      }
    }
  });
});

/** What an entry would extend, or that it is none. */
function outcome(text: string): unknown {
  try {
    const entry = decodeSignedEntry(text);
    return imaEntryDigest({ ...entry, isViolation: false }, { bank: 'SHA-256' });
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
