import { concatBytes, fromHex } from '@cmc/bytes';
import { derInteger, derSequence } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { ecdsaFromDer, isEcdsaSignature } from '../../src/crypto/ecdsa-signature.ts';

const ORDER = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
const ONE = fromHex('01'.padStart(64, '0'));
const LARGEST = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550');
const ZERO = new Uint8Array(32);

describe('isEcdsaSignature', () => {
  test('knows r || s with both in 1..n-1, before anything is verified', () => {
    expect(isEcdsaSignature(concatBytes(ONE, LARGEST), 'P-256')).toBe(true);
    expect(isEcdsaSignature(concatBytes(LARGEST, ONE), 'P-256')).toBe(true);
    for (const bad of [ZERO, ORDER, new Uint8Array(32).fill(0xff)]) {
      expect(isEcdsaSignature(concatBytes(ONE, bad), 'P-256')).toBe(false);
      expect(isEcdsaSignature(concatBytes(bad, ONE), 'P-256')).toBe(false);
    }
  });

  test('knows the exact length', () => {
    const good = concatBytes(ONE, ONE);
    for (const bad of [good.subarray(1), concatBytes(good, ONE), concatBytes(ZERO, good)]) {
      expect(isEcdsaSignature(bad, 'P-256')).toBe(false);
    }
    expect(isEcdsaSignature(new Uint8Array(96).fill(1), 'P-384')).toBe(true);
    expect(isEcdsaSignature(new Uint8Array(132).fill(1), 'P-521')).toBe(true);
    expect(isEcdsaSignature(good, 'P-384')).toBe(false);
  });
});

describe('ecdsaFromDer', () => {
  const der = (r: Uint8Array | number, s: Uint8Array | number): Uint8Array =>
    derSequence(derInteger(r), derInteger(s));

  test('fills both halves up to the width of the curve', () => {
    expect(ecdsaFromDer(der(1, 1), 'P-256')).toEqual(concatBytes(ONE, ONE));
    const large = concatBytes(Uint8Array.of(0), LARGEST);
    expect(ecdsaFromDer(der(large, 1), 'P-256')).toEqual(concatBytes(LARGEST, ONE));
  });

  test('refuses negative numbers and numbers that are too wide', () => {
    expect(ecdsaFromDer(der(Uint8Array.of(0xff), 1), 'P-256')).toBeUndefined();
    expect(ecdsaFromDer(der(1, Uint8Array.of(0x80)), 'P-256')).toBeUndefined();
    const wide = concatBytes(Uint8Array.of(1), ZERO);
    expect(ecdsaFromDer(der(wide, 1), 'P-256')).toBeUndefined();
  });

  test.each([
    ['trailing bytes', concatBytes(der(1, 1), Uint8Array.of(0))],
    ['a third number', derSequence(derInteger(1), derInteger(1), derInteger(1))],
    ['padding', der(Uint8Array.of(0, 1), 1)],
    ['one number', derSequence(derInteger(1))],
  ])('rejects %s', (_, bytes) => {
    expect(() => ecdsaFromDer(bytes, 'P-256')).toThrow(
      expect.objectContaining({ name: 'DecodeError' }),
    );
  });
});
