import { expect, test } from 'vitest';
import { ErrorCode, errorCodeName, errorCodeText } from '../src/error-codes.ts';

test('the codes are the 89 numbers from 0 on, each with its own text', () => {
  const codes = Object.values(ErrorCode);
  expect(codes).toEqual(Array.from({ length: 89 }, (_, i) => i));
  expect(new Set(codes.map(errorCodeText)).size).toBe(89);
});

test('names and numbers that results of other implementations carry', () => {
  expect(errorCodeName(6)).toBe('UnknownSerialization');
  expect(errorCodeName(61)).toBe('VerifyMetadata');
  expect(errorCodeName(67)).toBe('VerifyMeasurement');
  expect(errorCodeName(76)).toBe('VerifyAggregatedSwHash');
  expect(errorCodeName(83)).toBe('Freshness');
  expect(errorCodeName(88)).toBe('ManifestOutdated');
});

test('a code that does not exist has no name but a text', () => {
  expect(errorCodeName(89)).toBeUndefined();
  expect(errorCodeText(89)).toBe('unknown error code 89');
});
