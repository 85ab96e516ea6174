import { expect, test } from 'vitest';
import { LruCache } from '../../src/crypto/index.ts';

test('LruCache forgets what was used longest ago', () => {
  const cache = new LruCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3);
  expect(cache.size).toBe(2);
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('a')).toBe(1);
  expect(cache.get('c')).toBe(3);
});

test('LruCache replaces a value without growing', () => {
  const cache = new LruCache<string, number>(1);
  cache.set('a', 1);
  cache.set('a', 2);
  expect(cache.size).toBe(1);
  expect(cache.get('a')).toBe(2);
});

test('LruCache refuses a limit that is none', () => {
  expect(() => new LruCache(0)).toThrow(RangeError);
  expect(() => new LruCache(Number.NaN)).toThrow(RangeError);
});
