import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { digest, digestSize, type HashName, nodeHashName, portableDigest } from '../src/hash.ts';
import { encodeUtf8, toHex } from '../src/index.ts';

// FIPS 180-4 example "abc".
const ABC: Readonly<Record<HashName, string>> = {
  'SHA-1': 'a9993e364706816aba3e25717850c26c9cd0d89d',
  'SHA-256': 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  'SHA-384':
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  'SHA-512':
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
};

describe('digest', () => {
  test.each(Object.entries(ABC) as [HashName, string][])(
    '%s of "abc" is as published',
    (name, hex) => {
      expect(toHex(digest(name, encodeUtf8('abc')))).toBe(hex);
      expect(toHex(portableDigest(name, encodeUtf8('abc')))).toBe(hex);
      expect(digestSize(name)).toBe(hex.length / 2);
    },
  );

  test('node:crypto and the portable implementation agree at block boundaries', () => {
    for (const length of [0, 1, 55, 56, 63, 64, 111, 112, 127, 128, 1000]) {
      const data = Uint8Array.from({ length }, (_, i) => i);
      for (const name of Object.keys(ABC) as HashName[]) {
        expect(digest(name, data)).toEqual(portableDigest(name, data));
      }
    }
  });

  test('gives a plain Uint8Array that nobody else holds', () => {
    const first = digest('SHA-256', new Uint8Array());
    expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype);
    first.fill(0);
    expect(digest('SHA-256', new Uint8Array())).not.toEqual(first);
  });
});

test.each(Object.keys(ABC) as HashName[])('node:crypto knows %s by its name', (name) => {
  const hash = createHash(nodeHashName(name)).update('abc').digest('hex');
  expect(hash).toBe(ABC[name]);
});
