import { expect, test } from 'vitest';
import { RateLimit } from '../../src/auth/rate-limit.ts';

function limit(options: Partial<ConstructorParameters<typeof RateLimit>[0]> = {}) {
  let now = 0;
  const rate = new RateLimit({ burst: 3, pauseMs: 100, maxKeys: 2, clock: () => now, ...options });
  const pass = (ms: number): void => {
    now += ms;
  };
  return { rate, pass };
}

test('a key has its burst, then one for each pause', () => {
  const { rate, pass } = limit();
  const added = () => [1, 2, 3, 4, 5].map(() => rate.add('a'));
  expect(added()).toEqual([true, true, true, false, false]);
  expect(rate.waitMs('a')).toBe(100);
  pass(99);
  expect(rate.add('a')).toBe(false);
  pass(1);
  expect([rate.waitMs('a'), rate.add('a'), rate.add('a')]).toEqual([0, true, false]);
  pass(1_000);
  expect(added()).toEqual([true, true, true, false, false]);
});

test('trying above the limit does not make the wait longer', () => {
  const { rate, pass } = limit();
  for (let i = 0; i < 1_000; i++) rate.add('a');
  pass(100);
  expect(rate.waitMs('a')).toBe(0);
});

test('keys do not disturb each other, and at most so many are remembered', () => {
  const { rate } = limit({ burst: 1 });
  expect(rate.add('a')).toBe(true);
  expect(rate.add('b')).toBe(true);
  expect([rate.waitMs('a') > 0, rate.waitMs('b') > 0]).toEqual([true, true]);
  rate.add('c');
  expect([rate.waitMs('a'), rate.waitMs('b') > 0, rate.waitMs('c') > 0]).toEqual([0, true, true]);
});
