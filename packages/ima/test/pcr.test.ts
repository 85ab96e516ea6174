import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { replayPcr } from '../src/index.ts';

const BANKS = [
  ['SHA-1', 20],
  ['SHA-256', 32],
  ['SHA-384', 48],
  ['SHA-512', 64],
] as const;

describe.each(BANKS)('a PCR of bank %s', (bank, size) => {
  test('has the value that node:crypto computes', () => {
    let expected: Uint8Array = randomBytes(size);
    const pcr = replayPcr(bank, expected);
    for (let i = 0; i < 50; i++) {
      const digest = randomBytes(size);
      pcr.extend(digest);
      const hash = createHash(bank.replace('-', '').toLowerCase());
      expected = hash.update(expected).update(digest).digest();
      expect(Buffer.from(pcr.value())).toEqual(expected);
    }
  });

  test('shares memory with nobody', () => {
    const start = new Uint8Array(size);
    const pcr = replayPcr(bank, start);
    start.fill(1);
    expect(pcr.value()).toEqual(new Uint8Array(size));
    pcr.value().fill(2);
    expect(pcr.value()).toEqual(new Uint8Array(size));
  });

  test('refuses values of another bank', () => {
    expect(() => replayPcr(bank, new Uint8Array(size + 1))).toThrow(RangeError);
    const pcr = replayPcr(bank, new Uint8Array(size));
    expect(() => pcr.extend(new Uint8Array(size - 1))).toThrow(RangeError);
    expect(pcr.value()).toEqual(new Uint8Array(size));
  });
});
