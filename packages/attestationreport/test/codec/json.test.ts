import { concatBytes, decodeUtf8, encodeUtf8, fromHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DecodeOptions,
  MAX_CONTAINER_ITEMS,
  MAX_DEPTH,
  parseJson,
  stringifyGoJson,
} from '../../src/codec/index.ts';
import type { JsonValue } from '../../src/index.ts';

const failing = (code: string) => expect.objectContaining({ name: 'DecodeError', code });
const parse = (text: string, options?: DecodeOptions): JsonValue =>
  parseJson(encodeUtf8(text), options);

describe('parseJson', () => {
  test.each([
    'null',
    'true',
    ' \t\r\nfalse ',
    '0',
    '-0',
    '-1.5e-3',
    '1E+2',
    '9007199254740991',
    '""',
    '"a\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00"',
    '"\u00e4\u2028\u{1f600}\u007f"',
    '[]',
    '[1,[2,[]],{}]',
    '{"a":{"b":[null]},"":0}',
    '{ "a" : 1 , "b" : [ 1 , 2 ] }',
  ])('agrees with JSON.parse on %s', (text) => {
    const parsed = parse(text);
    expect(JSON.stringify(parsed)).toBe(JSON.stringify(JSON.parse(text)));
  });

  test('agrees with JSON.parse on any value', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'grapheme' }), (text) => {
        const rounded = (_: string, value: unknown): unknown =>
          typeof value === 'bigint' ? Number(value) : value;
        expect(JSON.stringify(parse(text), rounded)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  test('accepts no text that JSON.parse refuses', () => {
    const fragments = fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '"a"', '1', '-', '.', 'e', '0', 'null', 'tru', ' '],
      ...['\\', '\\u00', '\u0000', '\n', '\ufeff', '/', "'", '+', 'NaN', '{"a":1', '[1', '\u00e4'],
    );
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 6 }), (parts) => {
        const text = parts.join('');
        try {
          parse(text);
        } catch (error) {
          expect(error).toMatchObject({ name: 'DecodeError' });
          return;
        }
        expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 20_000 },
    );
  });

  test('gives objects without prototype', () => {
    const parsed = parse('{"__proto__":{"admin":true},"constructor":1}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(parsed)).toBeNull();
    expect(Object.keys(parsed)).toEqual(['__proto__', 'constructor']);
    expect('admin' in parsed).toBe(false);
  });

  test('gives a bigint for integers of 64 bits that number cannot hold', () => {
    expect(parse('9007199254740992')).toBe(9_007_199_254_740_992n);
    expect(parse('18446744073709551615')).toBe(18_446_744_073_709_551_615n);
    expect(parse('-9223372036854775808')).toBe(-9_223_372_036_854_775_808n);
    expect(parse('18446744073709551616')).toBe(2 ** 64);
    expect(parse('9007199254740993.0')).toBe(9_007_199_254_740_992);
    expect(parse(`1${'0'.repeat(200)}`)).toBe(1e200);
  });

  test.each([
    ['a key twice', '{"a":1,"a":1}', 'ERR_DECODE_DUPLICATE'],
    ['a key twice, once escaped', '{"a":1,"\\u0061":1}', 'ERR_DECODE_DUPLICATE'],
    ['a key twice, both escaped', '{"\\u0061":1,"\\u0061":1}', 'ERR_DECODE_DUPLICATE'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":1}', 'ERR_DECODE_DUPLICATE'],
    ['a key twice far below', '[{"b":{"a":1,"c":[],"a":1}}]', 'ERR_DECODE_DUPLICATE'],
    ['a high surrogate alone', '"\\ud800"', 'ERR_DECODE_FORMAT'],
    ['a low surrogate alone', '"\\udc00a"', 'ERR_DECODE_FORMAT'],
    ['surrogates in the wrong order', '"\\udc00\\ud800"', 'ERR_DECODE_FORMAT'],
    ['a lone surrogate in a key', '{"\\ud800":1}', 'ERR_DECODE_FORMAT'],
    ['a control character', '"a\nb"', 'ERR_DECODE_FORMAT'],
    ['NUL', '"\u0000"', 'ERR_DECODE_FORMAT'],
    ['an unknown escape', '"\\x41"', 'ERR_DECODE_FORMAT'],
    ['an escape that is not hex', '"\\u00g0"', 'ERR_DECODE_FORMAT'],
    ['single quotes', "'a'", 'ERR_DECODE_FORMAT'],
    ['a leading zero', '01', 'ERR_DECODE_TRAILING'],
    ['a leading plus', '+1', 'ERR_DECODE_FORMAT'],
    ['a leading point', '.5', 'ERR_DECODE_FORMAT'],
    ['NaN', 'NaN', 'ERR_DECODE_FORMAT'],
    ['a number out of range', '1e400', 'ERR_DECODE_VALUE'],
    ['a trailing comma in an array', '[1,]', 'ERR_DECODE_FORMAT'],
    ['a trailing comma in an object', '{"a":1,}', 'ERR_DECODE_FORMAT'],
    ['a leading comma', '[,1]', 'ERR_DECODE_FORMAT'],
    ['a missing comma', '[1 2]', 'ERR_DECODE_TYPE'],
    ['a missing colon', '{"a" 1}', 'ERR_DECODE_TYPE'],
    ['a key that is no string', '{1:1}', 'ERR_DECODE_TYPE'],
    ['a comment', '/* */1', 'ERR_DECODE_FORMAT'],
    ['white space of other kinds', '\u00a01', 'ERR_DECODE_FORMAT'],
    ['a form feed', '\f1', 'ERR_DECODE_FORMAT'],
    ['a second value', '1 1', 'ERR_DECODE_TRAILING'],
    ['a byte order mark', '\ufeff1', 'ERR_DECODE_FORMAT'],
    ['a word in another case', 'True', 'ERR_DECODE_FORMAT'],
    ['nothing', '', 'ERR_DECODE_TRUNCATED'],
    ['white space alone', ' \n', 'ERR_DECODE_TRUNCATED'],
  ])('rejects %s', (_, text, code) => {
    expect(() => parse(text)).toThrow(failing(code));
  });

  test.each(['c328', 'eda080', 'c080', 'f8808080', '22ff22'])(
    'rejects bytes that are not UTF-8 (%s)',
    (hex) => {
      expect(() => parseJson(fromHex(hex))).toThrow(failing('ERR_DECODE_FORMAT'));
    },
  );

  test('rejects every proper prefix as truncated', () => {
    const text = '{"a":[null,true,false,"\\u00e4\\ud83d\\ude00",{"b":"c"}],"d":[-1.0]}';
    for (const prefix of prefixes(encodeUtf8(text))) {
      const code = decodeUtf8(prefix).endsWith('.') ? 'ERR_DECODE_FORMAT' : 'ERR_DECODE_TRUNCATED';
      expect(() => parseJson(prefix)).toThrow(failing(code));
    }
  });

  test('rejects what is nested deeper than the limit', () => {
    const arrays = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => parse(arrays(MAX_DEPTH))).not.toThrow();
    expect(() => parse(arrays(MAX_DEPTH + 1))).toThrow(failing('ERR_DECODE_LIMIT'));
    expect(() => parse(arrays(1_000_000))).toThrow(failing('ERR_DECODE_LIMIT'));
    expect(() => parse('{"a":'.repeat(1_000_000))).toThrow(failing('ERR_DECODE_LIMIT'));
  });

  test('rejects more items and bytes than the limits', () => {
    const array = (count: number): string => `[${'0,'.repeat(count - 1)}0]`;
    expect(parse(array(MAX_CONTAINER_ITEMS))).toHaveLength(MAX_CONTAINER_ITEMS);
    expect(() => parse(array(MAX_CONTAINER_ITEMS + 1))).toThrow(failing('ERR_DECODE_LIMIT'));
    expect(() => parse('[[1,2],{"a":3}]', { maxItems: 5 })).not.toThrow();
    expect(() => parse('[[1,2],{"a":3}]', { maxItems: 4 })).toThrow(failing('ERR_DECODE_LIMIT'));
    expect(() => parse('"abcd"', { maxBytes: 6 })).not.toThrow();
    expect(() => parse('"abcd"', { maxBytes: 5 })).toThrow(failing('ERR_DECODE_LIMIT'));
  });

  test('takes linear time for long numbers, strings and escapes', () => {
    const start = performance.now();
    expect(() => parse('1'.repeat(5_000_000))).toThrow(failing('ERR_DECODE_VALUE'));
    expect(() => parse(`"${'\\u0061'.repeat(1_000_000)}`)).toThrow(failing('ERR_DECODE_TRUNCATED'));
    expect(() => parse(`"${'a'.repeat(5_000_000)}`)).toThrow(failing('ERR_DECODE_TRUNCATED'));
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('reports the path and the offset in bytes', () => {
    expect(() => parse('{"\u00e4":[0,tru]}')).toThrow(
      expect.objectContaining({ path: ['JSON', '?', '1'], offset: 9 }),
    );
  });
});

describe('stringifyGoJson', () => {
  test('escapes as Go does', () => {
    expect(
      stringifyGoJson('<a href="x">&\u2028\u2029\u0000\u001f\b\f\n\r\t\\/\u007f\u00e4\u{1f600}'),
    ).toBe(
      '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029\\u0000\\u001f\\b\\f\\n\\r\\t\\\\/\u007f\u00e4\u{1f600}"',
    );
  });

  test('sorts keys by their UTF-8 bytes, or keeps their order when told to', () => {
    const value = { '\u{1f600}': 1, '\uffff': 2, b: { z: 0, a: 0 }, a: 4, B: 5 };
    expect(stringifyGoJson(value)).toBe('{"B":5,"a":4,"b":{"a":0,"z":0},"\uffff":2,"\u{1f600}":1}');
    expect(stringifyGoJson(value, { keys: 'kept' })).toBe(JSON.stringify(value));
  });

  test('writes numbers as Go does', () => {
    expect(stringifyGoJson([0, -0, 1.5, 1e20, 1e21, 1e-6, 1e-7, 2n ** 64n - 1n])).toBe(
      '[0,-0,1.5,100000000000000000000,1e+21,0.000001,1e-7,18446744073709551615]',
    );
  });

  test('gives back what parseJson decoded', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
        const value = parse(text);
        expect(parse(stringifyGoJson(value))).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['a lone surrogate', 'a\ud800', TypeError],
    ['a lone surrogate in a key', { '\udc00': 1 }, TypeError],
    ['NaN', Number.NaN, RangeError],
    ['infinity', [Number.POSITIVE_INFINITY], RangeError],
  ])('refuses %s', (_, value, error) => {
    expect(() => stringifyGoJson(value as JsonValue)).toThrow(error);
  });
});

test('a message of many small items stays within the limit in total', () => {
  const many = concatBytes(
    ...['[', ...Array.from({ length: 20 }, () => `[${'{},'.repeat(131_000)}{}],`), '0]'].map(
      encodeUtf8,
    ),
  );
  expect(() => parseJson(many)).toThrow(failing('ERR_DECODE_LIMIT'));
});
