import {
  CmcError,
  compareBytes,
  concatBytes,
  DecodeError,
  equalBytes,
  silentLogger,
} from '@cmc/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const anyBytes = fc.uint8Array({ maxLength: 20 });

describe('concatBytes', () => {
  test('joins its parts in order, none and empty ones too', () => {
    expect(concatBytes()).toEqual(new Uint8Array());
    expect(concatBytes(Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3))).toEqual(
      Uint8Array.of(1, 2, 3),
    );
  });

  test('copies', () => {
    const part = Uint8Array.of(1);
    const whole = concatBytes(part);
    part[0] = 2;
    expect(whole).toEqual(Uint8Array.of(1));
  });
});

describe('equalBytes', () => {
  test('is true for the same bytes only', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, a.slice())).toBe(true);
      }),
    );
  });

  test('sees a difference in any place and in length', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    for (const [index, byte] of bytes.entries()) {
      const other = bytes.slice();
      other[index] = byte ^ 0x80;
      expect(equalBytes(bytes, other)).toBe(false);
    }
    expect(equalBytes(bytes, bytes.subarray(0, 2))).toBe(false);
    expect(equalBytes(bytes, Uint8Array.of(1, 2, 3, 0))).toBe(false);
  });
});

test('compareBytes orders as memcmp does, a prefix before what it begins', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
    }),
  );
});

describe('errors', () => {
  test('carry a code and a cause, and a decode error is a CmcError', () => {
    const cause = new Error('inner');
    const error = new CmcError('ERR_TEST_THING', 'what happened', { cause });
    expect(error).toMatchObject({ name: 'CmcError', code: 'ERR_TEST_THING', cause });
    expect(error).toBeInstanceOf(Error);
    const at = { path: ['A'], offset: 1 };
    const decodeError = new DecodeError('ERR_DECODE_FORMAT', 'bad', at, { cause });
    expect(decodeError).toBeInstanceOf(CmcError);
    expect(decodeError).toMatchObject({ name: 'DecodeError', path: ['A'], offset: 1, cause });
  });
});

test('silentLogger takes every level and returns nothing', () => {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    expect(silentLogger[level]({ a: 1 }, 'message')).toBeUndefined();
  }
});
