import { describe, expect, test } from 'vitest';
import { indentJson } from '../src/indent-json.ts';

describe('indentJson', () => {
  test.each([
    {},
    [],
    { a: [] },
    { a: {}, b: [1, 'x', null, true], c: { d: [[1], [{}]] } },
    { 'a{b': '"quoted\\" {[,:]} \\', c: '' },
    'text',
    12,
  ])('%j gets the lines of JSON.stringify', (value) => {
    expect(indentJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  });

  test('keeps numbers and escapes that reading and writing would change', () => {
    const json = '{"big":18446744073709551615,"half":1.50,"less":"\\u003c","10":1,"9":2}';
    expect(indentJson(json).replace(/\s/g, '')).toBe(json);
  });

  test('takes a text of ten million characters', () => {
    const json = JSON.stringify(['x'.repeat(10_000_000)]);
    expect(indentJson(json)).toHaveLength(json.length + 4);
  });
});
