import { DecodeError } from '@cmc/bytes';
import { flipEachByte } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  decodeImaEntry,
  encodeImaEntry,
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

describe('an entry as text', () => {
  test('gives template, path, digest and fields back, and what was extended', () => {
    expect(SIGNED).toHaveLength(2);
    for (const entry of SIGNED) {
      const decoded = decodeImaEntry(encodeImaEntry(entry) ?? '');
      const { template, path, digest, fields } = entry;
      expect(decoded).toEqual({ template, path, digest, fields });
      const again = { ...decoded, isViolation: false };
      for (const bank of ['SHA-1', 'SHA-256', 'SHA-512'] as const) {
        expect(imaEntryDigest(again, { bank })).toEqual(imaEntryDigest(entry, { bank }));
      }
    }
  });

  test('is there for all templates, with signature and without', () => {
    const typed = digestField('ima:sha256', hashOf('sha256', nul('file')));
    for (const entry of [
      entryOf([DIGEST, nul('/bin/a')], 'ima-ng'),
      entryOf([DIGEST, nul('/bin/a'), new Uint8Array()]),
      entryOf([DIGEST, nul('/bin/a'), signature(3)]),
      entryOf([DIGEST, nul('/bin/a'), signature(5)]),
      entryOf([typed, nul('/bin/a'), signature(3)], 'ima-sigv2'),
      entryOf([DIGEST, signature(3)], 'd-ng|sig'),
    ]) {
      expect(decodeImaEntry(encodeImaEntry(entry) ?? '').fields).toEqual(entry.fields);
    }
  });

  test('of the first template has what a list has, and gives what its padded name extends', () => {
    const [entry] = parseImaList(
      imaAsciiToBinary(new TextDecoder().decode(readVector('ima', 'ima-template-keylime-867.txt'))),
      { bank: 'SHA-256' },
    ).entries;
    if (entry === undefined) throw new Error('no entry');
    const decoded = decodeImaEntry(encodeImaEntry(entry) ?? '');
    expect(decoded).toMatchObject({ template: 'ima', path: entry.path, digest: entry.digest });
    for (const bank of ['SHA-1', 'SHA-256'] as const) {
      const digest = imaEntryDigest({ ...decoded, isViolation: false }, { bank });
      expect(digest).toEqual(imaEntryDigest(entry, { bank }));
    }
  });

  test('R22 of the first template has a name shorter than 256 bytes', () => {
    const named = (bytes: number): string =>
      encodeImaEntry({
        template: 'ima',
        isViolation: false,
        fields: new Map([
          ['d', new Uint8Array(20)],
          ['n', new Uint8Array(bytes).fill(0x61)],
        ]),
      }) ?? '';
    expect(decodeImaEntry(named(255)).path).toHaveLength(255);
    expect(() => decodeImaEntry(named(256))).toThrow(DecodeError);
  });

  test('is not there for a violation, and one without end', () => {
    const fields = [DIGEST, nul('/bin/a')];
    const long = nul(`/${'a'.repeat(16 * 1024)}`);
    for (const entry of [
      entryOf([...fields, signature(3)], 'ima-sig', new Uint8Array(20)),
      entryOf([DIGEST, long, signature(3)]),
    ]) {
      expect(encodeImaEntry(entry)).toBeUndefined();
    }
  });

  test('R22 every prefix is refused, and every flipped byte gives another entry or none', () => {
    for (const entry of SIGNED) {
      const text = encodeImaEntry(entry) ?? '';
      for (let end = 0; end < text.length; end++) {
        expect(() => decodeImaEntry(text.slice(0, end))).toThrow(DecodeError);
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
    const entry = decodeImaEntry(text);
    return imaEntryDigest({ ...entry, isViolation: false }, { bank: 'SHA-256' });
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
