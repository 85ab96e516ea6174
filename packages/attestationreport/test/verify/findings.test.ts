import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import { Findings } from '../../src/verify/findings.ts';

describe('Findings', () => {
  test('without a finding is a success without details', () => {
    expect(new Findings().toResult()).toEqual({ status: 'success' });
  });

  test('R39 nothing takes back a failure', () => {
    const findings = new Findings();
    findings.fail(ErrorCode.Freshness);
    findings.warn(ErrorCode.ManifestOutdated);
    findings.note('a note');
    expect(findings.failed).toBe(true);
    expect(findings.toResult().status).toBe('fail');
  });

  test('a warning is no failure', () => {
    const findings = new Findings();
    findings.warn(ErrorCode.ManifestOutdated, 'old');
    expect(findings.failed).toBe(false);
    expect(findings.toResult()).toEqual({ status: 'warn', errorCodes: [88], details: 'old' });
  });

  test('keeps every code in order, one line of details for each, notes before them', () => {
    const findings = new Findings();
    findings.fail(ErrorCode.VerifyMetadata, 'first\nline');
    findings.note('note');
    findings.fail(ErrorCode.Freshness);
    findings.fail(ErrorCode.VerifyMetadata, 'third');
    expect(findings.toResult()).toEqual({
      status: 'fail',
      errorCodes: [61, 83, 61],
      details: 'note\nfirst line\nthe nonce is not the expected one\nthird',
    });
  });
});
