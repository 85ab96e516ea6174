import { describe, expect, test } from 'vitest';
import { encodeUtf8, MAX_DEPTH, parseJson } from '../src/index.ts';

describe('parseJson', () => {
  test('gives values, with objects that have no prototype', () => {
    const value = parseJson(
      encodeUtf8('{"a":[1,18446744073709551615,"\\u00e4",null,true],"b":{}}'),
    );
    expect(value).toEqual({ a: [1, 18446744073709551615n, 'ä', null, true], b: {} });
    expect(Object.getPrototypeOf(value)).toBeNull();
  });

  test.each([
    ['a key twice', '{"a":1,"a":1}', 'ERR_DECODE_DUPLICATE'],
    ['a key twice, spelled in two ways', '{"a":1,"\\u0061":1}', 'ERR_DECODE_DUPLICATE'],
    ['a key twice further in', '{"x":[{"a":1,"a":2}]}', 'ERR_DECODE_DUPLICATE'],
    ['text behind the value', '{} {}', 'ERR_DECODE_TRAILING'],
    ['half a value', '{"a":', 'ERR_DECODE_TRUNCATED'],
    ['a trailing comma', '[1,]', 'ERR_DECODE_FORMAT'],
    ['deep nesting', '['.repeat(MAX_DEPTH + 1), 'ERR_DECODE_LIMIT'],
  ])('refuses %s', (_, text, code) => {
    expect(() => parseJson(encodeUtf8(text))).toThrow(expect.objectContaining({ code }));
  });

  test('names the place of what it refuses', () => {
    expect(() => parseJson(encodeUtf8('{"x":[{"a":1,"a":2}]}'))).toThrow(
      expect.objectContaining({ path: ['JSON', 'x', '0', 'a'], offset: 17 }),
    );
  });
});
