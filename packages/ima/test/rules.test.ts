import { createHash } from 'node:crypto';
import { CmcError, DecodeError, encodeUtf8, toHex } from '@cmc/bytes';
import { flipEachByte, prefixes } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { ImaReplay, parseImaList, replayImaList } from '../src/index.ts';
import { sha256Words } from '../src/sha256.ts';
import { digestField, writeEntry } from './list-writer.ts';
import { readVector } from './vectors.ts';

const LIST = readVector('vm-ovmf', 'ima-2.bin');

const entry = (
  digest: Uint8Array,
  path: Uint8Array,
  endianness: 'little' | 'big' = 'little',
  logged = new Uint8Array(20).fill(1),
): Uint8Array => writeEntry({ template: 'd-ng|n-ng', fields: [digest, path], endianness, logged });
const SHA256_FIELD = digestField('sha256', new Uint8Array(32).fill(7));
const PATH = encodeUtf8('/bin/true\0');
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof CmcError) return error.code;
    throw error;
  }
  return 'accepted';
};
const codeOfList = (bytes: Uint8Array): string =>
  codeOf(() => replayImaList(bytes, { bank: 'SHA-256' }));

test('R18 refuses a digest of the wrong length and a path without its one NUL', () => {
  expect(codeOfList(entry(SHA256_FIELD, PATH))).toBe('accepted');
  expect(codeOfList(entry(SHA256_FIELD.subarray(0, 39), PATH))).toBe('ERR_DECODE_VALUE');
  expect(codeOfList(entry(Uint8Array.from([...SHA256_FIELD, 0]), PATH))).toBe('ERR_DECODE_VALUE');
  for (const path of ['', '/bin/true', '/bin\0/true\0', '/bin/true\0\0']) {
    expect(codeOfList(entry(SHA256_FIELD, encodeUtf8(path)))).toBe('ERR_DECODE_VALUE');
  }
});

test('R18 a violation extends ones and is counted', () => {
  const state = replayImaList(entry(SHA256_FIELD, PATH, 'little', new Uint8Array(20)), {
    bank: 'SHA-256',
  });
  const extended = Buffer.concat([Buffer.alloc(32), Buffer.alloc(32, 0xff)]);
  expect(toHex(state.pcrs.get(10) ?? new Uint8Array())).toBe(
    createHash('sha256').update(extended).digest('hex'),
  );
  expect(state.violations).toBe(1);
});

test('R18 a violation with 20 zeros for its digest extends ones and is counted, too', () => {
  const violation = (digest: Uint8Array): Uint8Array =>
    entry(digestField('sha256', digest), PATH, 'little', new Uint8Array(20));
  const both = [32, 20].map((size) =>
    replayImaList(violation(new Uint8Array(size)), { bank: 'SHA-256' }),
  );
  expect(both.map(({ violations }) => violations)).toEqual([1, 1]);
  expect(both[1]?.pcrs).toEqual(both[0]?.pcrs);
  for (const digest of [new Uint8Array(19), new Uint8Array(21), new Uint8Array(20).fill(1)]) {
    expect(codeOfList(violation(digest))).toBe('ERR_DECODE_VALUE');
  }
});

test('R18 every flipped byte is refused or changes the replay, the violations or the mismatches', () => {
  const options = { bank: 'SHA-256', checkTemplateDigests: true } as const;
  const shown = (bytes: Uint8Array): string => {
    const { pcrs, ...rest } = replayImaList(bytes, options);
    return JSON.stringify([rest, [...pcrs].map(([pcr, value]) => [pcr, toHex(value)])]);
  };
  const bytes = LIST.subarray(0, 700);
  const { offset } = (() => {
    const replay = new ImaReplay(options);
    replay.push(bytes);
    return replay.state();
  })();
  const whole = LIST.slice(0, offset);
  const good = shown(whole);
  for (const { bytes: flipped } of flipEachByte(whole)) {
    if (codeOf(() => shown(flipped)) === 'accepted') expect(shown(flipped)).not.toBe(good);
  }
});

test('R20 a replay resumed from a saved state equals that of the whole list', () => {
  const options = { bank: 'SHA-256' } as const;
  const whole = replayImaList(LIST, options);
  const prefix = new ImaReplay(options);
  prefix.push(LIST.subarray(0, 3000));
  const saved = prefix.state();
  expect(saved.offset).toBeLessThanOrEqual(3000);
  expect(saved.count).toBeGreaterThan(0);
  const tail = replayImaList(LIST.subarray(saved.offset), { ...options, resume: saved });
  expect(tail).toEqual(whole);
});

test('R20 chunks of any size give the same result', () => {
  for (const size of [1, 7, 100, 4096]) {
    for (const bank of ['SHA-1', 'SHA-256', 'SHA-512'] as const) {
      const replay = new ImaReplay({ bank });
      for (let at = 0; at < LIST.length; at += size) replay.push(LIST.subarray(at, at + size));
      expect(replay.finish()).toEqual(replayImaList(LIST, { bank }));
    }
  }
});

test('R22 lengths are refused before anything is allocated', () => {
  const good = entry(SHA256_FIELD, PATH);
  for (const at of [24, 37]) {
    const bytes = good.slice();
    bytes.set([0xff, 0xff, 0xff, 0x7f], at);
    expect(codeOfList(bytes)).toBe('ERR_DECODE_LIMIT');
  }
  expect(codeOf(() => parseImaList(LIST, { bank: 'SHA-1', maxEntries: 3 }))).toBe(
    'ERR_DECODE_LIMIT',
  );
});

test('every proper prefix is refused, unless it ends where an entry ends', () => {
  const ends = new Set<number>([0]);
  const replay = new ImaReplay({ bank: 'SHA-1' });
  for (const byte of LIST) {
    replay.push(Uint8Array.of(byte));
    ends.add(replay.state().offset);
  }
  expect(ends.size).toBe(45);
  for (const prefix of prefixes(LIST)) {
    if (ends.has(prefix.length)) continue;
    expect(() => replayImaList(prefix, { bank: 'SHA-1' })).toThrow(DecodeError);
  }
});

test('big-endian lists are read as such and as nothing else', () => {
  const big = entry(SHA256_FIELD, PATH, 'big');
  const { entries } = parseImaList(big, { bank: 'SHA-256', endianness: 'big' });
  expect(entries[0]).toMatchObject({ pcr: 10, path: '/bin/true', template: 'd-ng|n-ng' });
  expect(codeOfList(big)).not.toBe('accepted');
});

test('SHA-256 of every length up to four blocks equals that of node:crypto', () => {
  const words = new Int32Array(8);
  for (let length = 0; length <= 260; length++) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
    sha256Words(data, 0, length, words);
    const hex = [...words].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    expect(hex).toBe(createHash('sha256').update(data).digest('hex'));
  }
});
