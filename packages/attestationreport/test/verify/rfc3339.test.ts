import v8 from 'node:v8';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import { instantOf, parseRfc3339 } from '../../src/verify/rfc3339.ts';

describe('parseRfc3339', () => {
  test.each([
    ['2024-01-01T00:00:00Z', '2024-01-01 00:00:00 +0000 UTC', 1_704_067_200_000_000_000n],
    ['2024-01-01T02:00:00+02:00', '2024-01-01 02:00:00 +0200 +0200', 1_704_067_200_000_000_000n],
    ['2023-12-31T18:30:00-05:30', '2023-12-31 18:30:00 -0530 -0530', 1_704_067_200_000_000_000n],
    ['2024-01-01T00:00:00+00:00', '2024-01-01 00:00:00 +0000 UTC', 1_704_067_200_000_000_000n],
    ['2024-02-29T23:59:59.120Z', '2024-02-29 23:59:59.12 +0000 UTC', 1_709_251_199_120_000_000n],
    ['1970-01-01T00:00:00.000000001Z', '1970-01-01 00:00:00.000000001 +0000 UTC', 1n],
    ['1969-12-31T23:59:59.5Z', '1969-12-31 23:59:59.5 +0000 UTC', -500_000_000n],
    ['2099-12-31T23:59:59.1234567899Z', '2099-12-31 23:59:59.123456789 +0000 UTC', undefined],
  ])('reads %s', (text, shown, nanoseconds) => {
    const instant = parseRfc3339(text);
    expect(instant?.text).toBe(shown);
    if (nanoseconds !== undefined) expect(instant?.nanoseconds).toBe(nanoseconds);
  });

  test.each([
    '',
    '2024-01-01',
    '2024-01-01T00:00:00',
    '2024-01-01 00:00:00Z',
    '2024-01-01t00:00:00z',
    '2024-13-01T00:00:00Z',
    '2024-00-01T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-04-31T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2024-01-01T00:00:60Z',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00+01:60',
    '2024-01-01T00:00:00+0100',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00Z ',
    '24-01-01T00:00:00Z',
    '+02024-01-01T00:00:00Z',
  ])('refuses %j', (text) => {
    expect(parseRfc3339(text)).toBeUndefined();
  });

  test('gives the same answer again, which nobody can change', () => {
    const text = '2024-05-06T07:08:09.5+01:00';
    const first = parseRfc3339(text);
    expect(parseRfc3339(text)).toEqual(first);
    expect(Object.isFrozen(first)).toBe(true);
    expect(parseRfc3339('2024-05-06T07:08:09.5+01:0')).toBeUndefined();
    expect(parseRfc3339('2024-05-06T07:08:09.5+01:0')).toBeUndefined();
  });

  test('keeps nothing of the text that a time is a part of', () => {
    v8.setFlagsFromString('--expose-gc');
    const collect: () => void = vm.runInNewContext('gc');
    const around = 1_000_000;
    const read = (i: number): void => {
      const text = `${'x'.repeat(around)}2025-01-01T00:00:00.${i}Z`;
      // Reading a character makes one piece of the text, as that of a message is.
      expect(text.charCodeAt(around)).toBe(0x32);
      expect(parseRfc3339(text.slice(around))).toBeDefined();
    };
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 100; i < 150; i++) read(i);
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10 * around);
  });

  test('instantOf a date is what its RFC 3339 text says', () => {
    const date = new Date('2026-06-01T12:34:56.789Z');
    expect(instantOf(date)).toEqual(parseRfc3339(date.toISOString()));
    expect(() => instantOf(new Date(Number.NaN))).toThrow(RangeError);
  });
});
