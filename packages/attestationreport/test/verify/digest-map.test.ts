import { describe, expect, test } from 'vitest';
import { digest } from '../../src/crypto/index.ts';
import { DigestMap } from '../../src/verify/evidence/digest-map.ts';

const digestOf = (n: number): Uint8Array => digest('SHA-256', Uint8Array.of(n >> 8, n));

describe('DigestMap', () => {
  test('finds each of many by its digest, and no other', () => {
    const map = new DigestMap<number>();
    for (let n = 0; n < 2000; n++) map.add(digestOf(n), n);
    for (let n = 0; n < 2000; n++) expect(map.get(digestOf(n))).toBe(n);
    for (let n = 2000; n < 2100; n++) expect(map.get(digestOf(n))).toBeUndefined();
  });

  test('tells digests apart that meet', () => {
    const map = new DigestMap<number>();
    // Of 2^17 random hashes of 30 bits, some eight pairs are equal.
    const count = 2 ** 17;
    const bytes = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n, ~n, n * 7, 1).buffer);
    for (let n = 0; n < count; n++) map.add(bytes(n), n);
    let wrong = 0;
    for (let n = 0; n < count; n++) if (map.get(bytes(n)) !== n) wrong += 1;
    expect(wrong).toBe(0);
  });

  test('tells digests of another length apart', () => {
    const map = new DigestMap<string>();
    map.add(new Uint8Array(32), 'SHA-256');
    map.add(new Uint8Array(48), 'SHA-384');
    expect(map.get(new Uint8Array(32))).toBe('SHA-256');
    expect(map.get(new Uint8Array(48))).toBe('SHA-384');
    expect(map.get(new Uint8Array(20))).toBeUndefined();
  });
});
