import { concatBytes, toHex } from '@cmc/bytes';
import { expect, test } from 'vitest';
import { bootAggregates } from '../src/index.ts';
import { hashOf } from './list-writer.ts';

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
