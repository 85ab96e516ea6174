import { concatBytes, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import {
  bootAggregateEntries,
  bootAggregates,
  imaEntryDigest,
  parseImaList,
} from '../src/index.ts';
import { digestField, hashOf, nul, writeEntry } from './list-writer.ts';
import { readVector } from './vectors.ts';

const values = (size: number, count: number): Map<number, Uint8Array> =>
  new Map(Array.from({ length: count }, (_, pcr) => [pcr, new Uint8Array(size).fill(pcr)]));
const over = (name: string, pcrs: ReadonlyMap<number, Uint8Array>, last: number): string =>
  toHex(hashOf(name, concatBytes(...[...pcrs.values()].slice(0, last + 1))));
const shown = (...args: Parameters<typeof bootAggregates>): readonly string[] =>
  bootAggregates(...args).map(({ lastPcr, digest }) => `${lastPcr} ${toHex(digest)}`);

test('R21 boot_aggregate is over PCR 0-7 in SHA-1, and over 0-9 or 0-7 in other banks', () => {
  const sha1 = values(20, 24);
  expect(shown(sha1, 'SHA-1')).toEqual([`7 ${over('sha1', sha1, 7)}`]);
  const sha256 = values(32, 24);
  expect(shown(sha256, 'SHA-256')).toEqual([
    `9 ${over('sha256', sha256, 9)}`,
    `7 ${over('sha256', sha256, 7)}`,
  ]);
});

test('R21 a definition whose PCRs are not all quoted gives no candidate', () => {
  const pcrs = values(32, 10);
  pcrs.delete(9);
  expect(shown(pcrs, 'SHA-256')).toEqual([`7 ${over('sha256', pcrs, 7)}`]);
  pcrs.delete(0);
  expect(shown(pcrs, 'SHA-256')).toEqual([]);
});

describe('entries of an aggregate', () => {
  const empty = (count: number): Uint8Array[] => Array(count).fill(new Uint8Array());

  test.each([
    ['ima-ng', 'sha256', 0],
    ['ima-ngv2', 'ima:sha256', 0],
    ['ima-sig', 'sha256', 1],
    ['ima-sigv2', 'ima:sha256', 1],
    ['ima-modsig', 'sha256', 3],
    ['evm-sig', 'sha256', 7],
  ])('R21 in %s: %s, and %i empty fields', (template, algorithm, more) => {
    const aggregate = hashOf('sha256', nul('aggregate'));
    const fields = [digestField(algorithm, aggregate), nul('boot_aggregate'), ...empty(more)];
    const list = writeEntry({ template, fields });
    const [written] = parseImaList(list, { bank: 'SHA-256' }).entries;
    const made = bootAggregateEntries(aggregate, 'SHA-256').find(
      (entry) => entry.template === template,
    );
    if (written === undefined || made === undefined) throw new Error('no entry');
    expect(made.fields).toEqual(written.fields);
    for (const bank of ['SHA-256', 'SHA-384'] as const) {
      expect(imaEntryDigest(made, { bank })).toEqual(imaEntryDigest(written, { bank }));
    }
  });

  test('R21 in SHA-384, and none in the template that knows SHA-1 only', () => {
    const made = bootAggregateEntries(new Uint8Array(48).fill(7), 'SHA-384');
    expect(made[0]?.fields.get('d-ng')).toEqual(digestField('sha384', new Uint8Array(48).fill(7)));
    expect(made.map(({ template }) => template)).not.toContain('ima');
  });

  test('R21 one of them is the first entry of a real list', () => {
    const [first] = parseImaList(readVector('vm-ovmf', 'ima-1.bin'), { bank: 'SHA-256' }).entries;
    if (first === undefined) throw new Error('no entry');
    const made = bootAggregateEntries(first.digest.value, 'SHA-256').map((entry) =>
      imaEntryDigest(entry, { bank: 'SHA-256' }),
    );
    expect(made).toContainEqual(imaEntryDigest(first, { bank: 'SHA-256' }));
  });
});
