import { encodeUtf8 } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/codec/index.ts';
import { canonicalizeJson } from '../../src/oci/index.ts';
import { ociVectors } from './vectors.ts';

describe('canonicalizeJson', () => {
  test.each(ociVectors.canonical)('writes $name as the reference does', ({ text, canonical }) => {
    expect(canonicalizeJson(parseJson(encodeUtf8(text)))).toBe(canonical);
  });

  test('has one result: canonical text of canonical text is itself', () => {
    for (const { canonical } of ociVectors.canonical) {
      expect(canonicalizeJson(parseJson(encodeUtf8(canonical)))).toBe(canonical);
    }
  });

  test('refuses what has no canonical form', () => {
    expect(() => canonicalizeJson(Number.NaN)).toThrow(RangeError);
    expect(() => canonicalizeJson([Number.POSITIVE_INFINITY])).toThrow(RangeError);
    expect(() => canonicalizeJson({ a: 'x\ud800' })).toThrow(RangeError);
    expect(() => canonicalizeJson({ '\udc00': 1 })).toThrow(RangeError);
  });
});
