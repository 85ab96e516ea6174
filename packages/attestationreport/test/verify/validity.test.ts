import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import { type Instant, parseRfc3339 } from '../../src/verify/rfc3339.ts';
import { checkValidity } from '../../src/verify/validity.ts';

const validity = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2026-02-01T00:00:00Z' };
const at = (text: string): Instant => parseRfc3339(text) as Instant;
const between = ['2026-01-01 00:00:00 +0000 UTC', '2026-02-01 00:00:00 +0000 UTC'];

describe('checkValidity', () => {
  test.each(['2026-01-01T00:00:00Z', '2026-01-15T00:00:00Z', '2026-02-01T00:00:00Z'])(
    'accepts %s, within the period',
    (now) => {
      expect(checkValidity(validity, at(now))).toEqual({ status: 'success' });
    },
  );

  test('R35 the end has no leeway', () => {
    expect(checkValidity(validity, at('2026-02-01T00:00:00.000000001Z'))).toMatchObject({
      status: 'fail',
      errorCodes: [ErrorCode.Expired],
      got: '2026-02-01 00:00:00.000000001 +0000 UTC',
      expectedBetween: between,
    });
  });

  test('R35 the beginning has a leeway of one minute, and the result says so', () => {
    const check = checkValidity(validity, at('2025-12-31T23:59:00Z'));
    expect(check.status).toBe('success');
    expect(check.details).toMatch(/2026-01-01 .*2025-12-31 .*leeway of 60 s/);
    expect(checkValidity(validity, at('2025-12-31T23:58:59.999Z'))).toMatchObject({
      status: 'fail',
      errorCodes: [ErrorCode.NotYetValid],
      got: '2025-12-31 23:58:59.999 +0000 UTC',
      expectedBetween: between,
    });
  });

  test.each([
    ['notBefore', { ...validity, notBefore: 'yesterday' }],
    ['notAfter', { ...validity, notAfter: '' }],
    ['notAfter', { ...validity, notAfter: 'x'.repeat(1000) }],
  ])('refuses a %s that is no time', (member, period) => {
    const check = checkValidity(period, at('2026-01-15T00:00:00Z'));
    expect(check).toMatchObject({ status: 'fail', errorCodes: [ErrorCode.ParseTime] });
    expect(check.details).toContain(member);
    expect(check.details?.length).toBeLessThan(120);
  });

  test('refuses a period that ends before it begins', () => {
    const period = { notBefore: validity.notAfter, notAfter: validity.notBefore };
    for (const now of ['2026-01-01T00:00:00Z', '2026-01-15T00:00:00Z', '2026-02-01T00:00:00Z']) {
      expect(checkValidity(period, at(now)).status).toBe('fail');
    }
  });
});
