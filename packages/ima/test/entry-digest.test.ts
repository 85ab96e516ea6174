import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type HashName, imaEntryDigest, parseImaList, replayImaList } from '../src/index.ts';
import { BANKS, binaryOf, loggedAs, VECTORS } from './vectors.ts';

const accepted = VECTORS.filter(({ expected }) => expected.verdict !== 'reject');

/** The replay of what each entry is said to extend. */
function extended(
  list: Uint8Array,
  bank: HashName,
  paddedSha1: boolean,
  logged: HashName,
): unknown {
  const name = bank.replace('-', '').toLowerCase();
  const size = createHash(name).digest().length;
  const pcrs = new Map<number, Buffer>();
  for (const entry of parseImaList(list, { bank, templateDigest: logged }).entries) {
    const before = pcrs.get(entry.pcr) ?? Buffer.alloc(size);
    const value = imaEntryDigest(entry, { bank, paddedSha1 });
    pcrs.set(entry.pcr, createHash(name).update(before).update(value).digest());
  }
  return [...pcrs].map(([pcr, value]) => [pcr, value.toString('hex')]);
}

describe.each(accepted)('$id', (vector) => {
  test.each(Object.values(BANKS))('the digests of its entries give its replay in %s', (bank) => {
    for (const paddedSha1 of bank === 'SHA-1' ? [false] : [false, true]) {
      const [list, templateDigest] = [binaryOf(vector), loggedAs(vector)];
      const { pcrs } = replayImaList(list, { bank, templateDigest, paddedSha1 });
      const expected = [...pcrs].map(([pcr, value]) => [pcr, Buffer.from(value).toString('hex')]);
      expect(extended(list, bank, paddedSha1, templateDigest)).toEqual(expected);
    }
  });
});
