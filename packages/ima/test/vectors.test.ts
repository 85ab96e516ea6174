import { DecodeError, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import {
  bootAggregates,
  type ImaState,
  imaAsciiToBinary,
  parseImaList,
  replayImaList,
} from '../src/index.ts';
import { BANKS, binaryOf, loggedAs, readJson, readVector, VECTORS } from './vectors.ts';

const hexPcrs = ({ pcrs }: ImaState): Record<string, string> =>
  Object.fromEntries([...pcrs].map(([pcr, value]) => [pcr, toHex(value)]));

test('there are vectors', () => {
  expect(VECTORS.length).toBeGreaterThanOrEqual(23);
});

describe.each(VECTORS)('$id', (vector) => {
  const { expected, facts } = vector;
  const templateDigest = loggedAs(vector);
  if (expected.verdict === 'reject') {
    test('is refused', () => {
      expect(() => replayImaList(binaryOf(vector), { bank: 'SHA-1', templateDigest })).toThrow(
        DecodeError,
      );
    });
    return;
  }
  const sum = (suffix: string): number =>
    Object.entries(facts.templateHash ?? {})
      .filter(([key]) => key.endsWith(suffix))
      .reduce((total, [, count]) => total + count, 0);
  const hasMismatch = sum(':mismatch') > 0;

  test('has the expected entries, violations and template digests', () => {
    const { entries, state } = parseImaList(binaryOf(vector), {
      bank: 'SHA-256',
      templateDigest,
      checkTemplateDigests: true,
    });
    expect(entries).toHaveLength(facts.entries ?? -1);
    expect(state.count).toBe(facts.entries);
    expect(state.violations).toBe(sum(':violation'));
    expect(state.mismatches).toBe(sum(':mismatch'));
  });
  test('replays to the expected values, and to others where a template digest is wrong', () => {
    const replays = Object.entries(expected.replay ?? {});
    expect(replays.length).toBeGreaterThan(0);
    for (const [name, pcrs] of replays) {
      const [bankName = '', padded] = name.split('_');
      const bank = BANKS[bankName];
      if (bank === undefined) throw new Error(`bank ${name}`);
      const state = replayImaList(binaryOf(vector), {
        bank,
        templateDigest,
        paddedSha1: padded !== undefined,
      });
      // The vectors extend the logged digest; a replay must extend that of the data.
      if (hasMismatch) expect(hexPcrs(state)).not.toEqual(pcrs);
      else expect(hexPcrs(state)).toEqual(pcrs);
    }
  });
});

describe.each([1, 2])('snapshot %d of a virtual machine', (n) => {
  const list = readVector('vm-ovmf', `ima-${n}.bin`);
  const pcrs = readJson('vm-ovmf', `pcrs-${n}.json`) as Record<string, Record<string, string>>;

  test('replays to PCR 10 in every bank; SHA-384 is padded SHA-1 there', () => {
    expect(hexPcrs(replayImaList(list, { bank: 'SHA-1' }))[10]).toBe(pcrs['sha1']?.[10]);
    expect(hexPcrs(replayImaList(list, { bank: 'SHA-256' }))[10]).toBe(pcrs['sha256']?.[10]);
    const padded = replayImaList(list, { bank: 'SHA-384', paddedSha1: true });
    expect(hexPcrs(padded)[10]).toBe(pcrs['sha384']?.[10]);
  });
  test('has the entries of its text form', () => {
    const text = new TextDecoder().decode(readVector('vm-ovmf', `ima-${n}.txt`));
    expect(toHex(imaAsciiToBinary(text))).toBe(toHex(list));
    const expected = readJson('vm-ovmf', `ima-${n}.json`) as readonly Record<string, string>[];
    const { entries } = parseImaList(list, { bank: 'SHA-256' });
    expect(entries).toHaveLength(expected.length);
    for (const [i, { name, digest, hash }] of expected.entries()) {
      expect(entries[i]?.path).toBe(name);
      expect(entries[i]?.digest.algorithm).toBe(hash);
      expect(toHex(entries[i]?.digest.value ?? new Uint8Array())).toBe(digest);
    }
  });
  test('R21 boot_aggregate is the hash of PCR 0-9 of the same state, and of no other', () => {
    const { entries } = parseImaList(list, { bank: 'SHA-256' });
    const values = new Map(
      Object.entries(pcrs['sha256'] ?? {}).map(([pcr, hex]) => [
        Number(pcr),
        Uint8Array.from(Buffer.from(hex, 'hex')),
      ]),
    );
    const digests = () => bootAggregates(values, 'SHA-256').map(({ digest }) => digest);
    expect(digests()[0]).toEqual(entries[0]?.digest.value);
    values.set(9, new Uint8Array(32));
    expect(digests()).toHaveLength(2);
    expect(digests()).not.toContainEqual(entries[0]?.digest.value);
  });
});
