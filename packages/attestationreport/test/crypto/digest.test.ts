import { describe, expect, test } from 'vitest';
import { parseHashName } from '../../src/crypto/index.ts';

describe('parseHashName', () => {
  test.each([
    ['SHA-256', 'SHA-256'],
    ['sha256', 'SHA-256'],
    ['Sha-384', 'SHA-384'],
    ['SHA512', 'SHA-512'],
    ['sha-1', 'SHA-1'],
  ])('reads %s', (text, name) => {
    expect(parseHashName(text)).toBe(name);
  });

  test.each([
    '',
    'md5',
    'sha',
    'sha224',
    'sha3-256',
    'sha-512/256',
    ' sha256',
    'sha256 ',
    '__proto__',
  ])('knows no algorithm %j', (text) => {
    expect(parseHashName(text)).toBeUndefined();
  });
});
