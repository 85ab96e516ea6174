import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TpmClock } from '@cmc/attestationreport';
import { describe, expect, test } from 'vitest';
import { MAX_REMEMBERED_CLOCKS } from '../../src/cmc/tpm-clocks.ts';
import { openTpmClocks } from '../../src/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const keyOf = (number: number): string => number.toString(16).padStart(64, '0');
const KEY = keyOf(1);
const clockAt = (clock: bigint, resetCount = 5, restartCount = 1): TpmClock => ({
  clock,
  resetCount,
  restartCount,
});

describe('openTpmClocks', () => {
  test('R09 remembers the furthest of each key, and takes nothing back', async () => {
    const clocks = await openTpmClocks({ leewayMs: 0 });
    expect(clocks.lastSeen(KEY)).toBeUndefined();
    await clocks.remember(KEY, clockAt(1000n, 5, 3));
    for (const before of [clockAt(999n, 5, 3), clockAt(1000n, 4, 9), clockAt(1000n, 5, 2)]) {
      await clocks.remember(KEY, before);
      expect(clocks.lastSeen(KEY)).toEqual(clockAt(1000n, 5, 3));
    }
    await clocks.remember(KEY, clockAt(1500n, 6, 0));
    expect(clocks.lastSeen(KEY)).toEqual(clockAt(1500n, 6, 0));
    expect(clocks.lastSeen(keyOf(2))).toBeUndefined();
  });

  test('gives the clock less the leeway, never below zero, and counters without', async () => {
    const clocks = await openTpmClocks({ leewayMs: 100 });
    await clocks.remember(KEY, clockAt(1000n));
    expect(clocks.lastSeen(KEY)).toEqual(clockAt(900n));
    await clocks.remember(keyOf(2), clockAt(99n));
    expect(clocks.lastSeen(keyOf(2))).toEqual(clockAt(0n));
  });

  test('R09 keeps them over a restart, to the last bit, in a file of the owner', async () => {
    const file = join(temporaryFolder(), 'clocks.json');
    const last = clockAt(2n ** 64n - 1n, 2 ** 32 - 1, 2 ** 32 - 1);
    const first = await openTpmClocks({ file });
    await Promise.all([1, 2, 3].map(async (key) => await first.remember(keyOf(key), last)));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const second = await openTpmClocks({ file, leewayMs: 0 });
    for (const key of [1, 2, 3]) expect(second.lastSeen(keyOf(key))).toEqual(last);
  });

  test('what is remembered is written when that is over, however many come at once', async () => {
    const file = join(temporaryFolder(), 'clocks.json');
    const clocks = await openTpmClocks({ file });
    const all = Array.from({ length: 50 }, async (_, i) => {
      await clocks.remember(keyOf(i), clockAt(BigInt(i)));
      const written = JSON.parse(readFileSync(file, 'utf8')) as readonly (readonly unknown[])[];
      expect(written.find(([key]) => key === keyOf(i))?.[1]).toBe(String(i));
    });
    await Promise.all(all);
  });

  test('forgets the key that was accepted longest ago when there are too many', async () => {
    const file = join(temporaryFolder(), 'clocks.json');
    const rows = Array.from({ length: MAX_REMEMBERED_CLOCKS }, (_, i) => [keyOf(i), '7', 5, 1]);
    writeFileSync(file, JSON.stringify(rows));
    const clocks = await openTpmClocks({ file, leewayMs: 0 });
    await clocks.remember(keyOf(0), clockAt(8n));
    await clocks.remember(keyOf(MAX_REMEMBERED_CLOCKS), clockAt(9n));
    const again = await openTpmClocks({ file, leewayMs: 0 });
    for (const store of [clocks, again]) {
      expect(store.lastSeen(keyOf(0))).toEqual(clockAt(8n));
      expect(store.lastSeen(keyOf(1))).toBeUndefined();
      expect(store.lastSeen(keyOf(2))).toEqual(clockAt(7n));
      expect(store.lastSeen(keyOf(MAX_REMEMBERED_CLOCKS))).toEqual(clockAt(9n));
    }
  });

  test('stays usable when it cannot write', async () => {
    const clocks = await openTpmClocks({ file: '/nonexistent/folder/clocks.json', leewayMs: 0 });
    await clocks.remember(KEY, clockAt(7n));
    expect(clocks.lastSeen(KEY)).toEqual(clockAt(7n));
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['an object', '{}'],
    ['a row with too few members', `[["${KEY}","1",5]]`],
    ['a key that is none', '[["ab","1",5,1]]'],
    ['a clock that is a number', `[["${KEY}",1,5,1]]`],
    ['a clock below zero', `[["${KEY}","-1",5,1]]`],
    ['a count that is too large', `[["${KEY}","1",4294967296,1]]`],
    ['a count that is not whole', `[["${KEY}","1",5,0.5]]`],
    [
      'too many keys',
      JSON.stringify(
        Array.from({ length: MAX_REMEMBERED_CLOCKS + 1 }, (_, i) => [keyOf(i), '1', 1, 1]),
      ),
    ],
  ])('R09 refuses to start with a file of %s, and leaves it alone', async (_, text) => {
    const file = join(temporaryFolder(), 'clocks.json');
    writeFileSync(file, text);
    await expect(openTpmClocks({ file })).rejects.toMatchObject({ code: 'ERR_CMCD_TPM_CLOCKS' });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
