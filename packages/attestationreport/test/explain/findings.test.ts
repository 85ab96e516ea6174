import { fromHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import { findings } from '../../src/explain/findings.ts';
import type { AttestationResult, DigestResult, MeasurementResult } from '../../src/types/result.ts';
import { mismatchText } from '../../src/verify/evidence/snp-mismatch.ts';
import { NO_HARDWARE_ANCHOR } from '../../src/verify/note-texts.ts';
import { failedWith, good, software } from './results.ts';

const fail = { status: 'fail' };

function measured(changes: Partial<MeasurementResult>): AttestationResult {
  return { ...good, summary: fail, measurements: [{ ...software, summary: fail, ...changes }] };
}

describe('findings', () => {
  test('has none for a result of acceptance', () => {
    expect(findings(good)).toEqual([]);
  });

  test('says where in the result it is from, what was expected and what came', () => {
    const validityCheck = {
      ...failedWith(ErrorCode.Expired, 'not valid after 2026, the clock says 2027'),
      got: '2027',
      expectedBetween: ['2025', '2026'],
    };
    const manifest = { type: 'Manifest', name: 'app', summary: fail, validityCheck };
    const metadata = { ...good.metadata, manifestResults: [manifest] };
    expect(findings({ ...good, summary: fail, metadata })).toEqual([
      {
        id: 'metadata-expired',
        severity: 'error',
        path: 'metadata.manifestResults[0].validityCheck',
        text: 'The validity of Manifest app: not valid after 2026, the clock says 2027 (error 11).',
        codes: [11],
        expected: 'between 2025 and 2026',
        got: '2027',
      },
    ]);
  });

  test('reads both values out of details that tell them', () => {
    const summary = failedWith(ErrorCode.InvalidVersion, 'expected version 3.3.0, got 3.2.0');
    expect(findings({ ...good, summary })).toMatchObject([
      { id: 'report-version', path: 'summary', expected: 'version 3.3.0', got: '3.2.0' },
    ]);
  });

  test('tells the errors first, then warnings, then notes', () => {
    const result = measured({
      summary: { ...failedWith(24, `${NO_HARDWARE_ANCHOR}\nsomething is missing`) },
      freshness: { status: 'warn', details: 'x' },
    });
    expect(findings(result).map(({ severity }) => severity)).toEqual(['error', 'warning', 'note']);
  });

  test('names the reference value that unknown software is most like', () => {
    const artifact: DigestResult = { success: false, launched: true, index: 0 };
    const reference: DigestResult = { success: false, launched: false, index: 0 };
    const result = measured({
      artifacts: [
        { ...reference, name: 'db', digest: fromHex('0a') },
        { ...reference, name: 'app', digest: fromHex('0b') },
        { ...artifact, name: 'app', digest: fromHex('0c') },
        { ...artifact, name: 'stranger', digest: fromHex('0d') },
      ],
    });
    expect(findings(result)).toMatchObject([
      {
        id: 'software-unknown',
        path: 'measurements[0].artifacts[2]',
        expected: '0b',
        got: '0c',
        nearest: 'app with hash 0b (index 0)',
      },
      { id: 'software-unknown', path: 'measurements[0].artifacts[3]', got: '0d' },
      { id: 'software-missing', path: 'measurements[0].artifacts[0]', expected: '0a' },
      { id: 'software-missing', path: 'measurements[0].artifacts[1]', expected: '0b' },
    ]);
    expect(findings(result)[1]).not.toHaveProperty('nearest');
  });

  test('compares boot events by register and files by name', () => {
    const reference = { success: true, launched: false };
    const event = { success: false, launched: true };
    const result = measured({
      type: 'TPM Result',
      artifacts: [
        { ...reference, name: 'shim', index: 4, digest: fromHex('0a') },
        { ...reference, name: '/usr/bin/ls', index: 10, digest: fromHex('0b') },
        { ...reference, name: '/usr/bin/cp', index: 10, digest: fromHex('0c') },
        { ...event, name: 'grub', index: 4, digest: fromHex('1a') },
        { ...event, name: '/bin/ls', index: 10, digest: fromHex('1b') },
        { ...event, name: '/bin/evil', index: 10, digest: fromHex('1c') },
      ],
    });
    expect(findings(result).map(({ id, nearest }) => [id, nearest])).toEqual([
      ['boot-event-unknown', 'shim with hash 0a (PCR 4)'],
      ['ima-file-unknown', '/usr/bin/ls with hash 0b (PCR 10)'],
      ['ima-file-unknown', undefined],
    ]);
  });

  test('tells which variable or text an event is about', () => {
    const event = { success: false, launched: true, index: 7, digest: fromHex('0a') };
    const result = measured({
      type: 'TPM Result',
      artifacts: [
        { ...event, name: 'EV_VARIABLE', eventData: { uefivariabledata: { unicodename: 'db' } } },
        { ...event, name: 'EV_ACTION', eventData: { stringcontent: 'Exit\u001b[2J' } },
      ],
    });
    expect(findings(result).map(({ text }) => text)).toEqual([
      'TPM measurement: EV_VARIABLE "db" with hash 0a (PCR 7) was measured but matches no reference value.',
      'TPM measurement: EV_ACTION "Exit\ufffd[2J" with hash 0a (PCR 7) was measured but matches no reference value.',
    ]);
  });

  test('does not tell a register whose events tell what is wrong with it', () => {
    const register = { success: false, launched: false, digest: fromHex('aa'), measured: 'bb' };
    const result = measured({
      type: 'TPM Result',
      artifacts: [{ success: false, launched: true, name: 'grub', index: 4 }],
      tpmResult: {
        pcrMatch: [
          { ...register, index: 4 },
          { ...register, index: 5 },
        ],
        aggPcrQuoteMatch: { status: 'success' },
      },
    });
    expect(findings(result).map(({ id, path }) => [id, path])).toEqual([
      ['boot-event-unknown', 'measurements[0].artifacts[0]'],
      ['pcr-mismatch', 'measurements[0].tpmResult.pcrMatch[1]'],
    ]);
  });

  test('knows the lines of the TPM verifier', () => {
    const idsOf = (...lines: string[]): readonly string[] =>
      findings(
        measured({ type: 'TPM Result', summary: { ...fail, details: lines.join('\n') } }),
      ).map(({ id }) => id);
    expect(idsOf('PCR 4, 7 has reference values and was not reported')).toEqual([
      'pcr-not-reported',
    ]);
    const repeated = idsOf('the quote is for another nonce', 'PCR 4 has reference values');
    expect(repeated).toEqual(['measurement-unverified']);
  });

  test('tells the launch measurement of a guest once, with what it should be', () => {
    const artifact = { success: false, index: 0, name: 'OVMF' };
    const result = measured({
      type: 'SNP Result',
      artifacts: [
        { ...artifact, launched: false, digest: fromHex('aa') },
        { ...artifact, launched: true, digest: fromHex('bb') },
      ],
    });
    expect(findings(result)).toMatchObject([{ id: 'snp-measurement', expected: 'aa', got: 'bb' }]);
  });

  test('reads the sentences of the SNP verifier', () => {
    const debug = { field: 'guest policy debug', claimed: 'no, always', measured: 'yes', fix: 'x' };
    const tcb = { field: 'TCB bl (reported)', claimed: 'at least 4', measured: '3', fix: 'y' };
    const details = [mismatchText(debug), mismatchText(tcb)].join('\n');
    const found = findings(measured({ type: 'SNP Result', summary: { ...fail, details } }));
    expect(found).toMatchObject([
      { id: 'snp-debug', expected: 'no, always', got: 'yes' },
      { id: 'snp-tcb', expected: 'at least 4', got: '3' },
    ]);
  });

  test('reads the members of SNP results of other verifiers', () => {
    const version = { success: true, claimed: [1], measured: [1] };
    const bit = { success: true, claimed: false, measured: false };
    const result = measured({
      type: 'SNP Result',
      snpResult: {
        reportVersionMatch: { status: 'fail', got: '2', expectedBetween: ['3', '5'] },
        fwCheck: { success: false, claimed: [1, 55, 29], measured: [1, 54, 0] },
        tcbCheck: {
          result: fail,
          fmc: version,
          bl: { success: false, claimed: [4], measured: [3] },
          tee: version,
          snp: version,
          ucode: version,
        },
        policyCheck: {
          result: fail,
          abi: version,
          smt: bit,
          migration: { success: false, claimed: false, measured: true },
          debug: { success: false, claimed: false, measured: true },
          singleSocket: bit,
        },
        extensionsCheck: [],
      },
    });
    const at = 'measurements[0].snpResult';
    expect(findings(result)).toMatchObject([
      { id: 'snp-report-version', path: `${at}.reportVersionMatch`, expected: '3 to 5', got: '2' },
      { id: 'snp-firmware', path: `${at}.fwCheck`, expected: '1.55.29', got: '1.54.0' },
      { id: 'snp-tcb', path: `${at}.tcbCheck.bl`, expected: '4', got: '3' },
      { id: 'snp-debug', path: `${at}.policyCheck.debug`, expected: 'false', got: 'true' },
      { id: 'snp-guest-policy', path: `${at}.policyCheck.migration` },
    ]);
  });

  test('suspects the clock when everything was made later than now, and then only', () => {
    const at = (created: string, code: number): string | undefined => {
      const items = (good.metadata.manifestResults ?? []).map((item) => ({
        ...item,
        summary: fail,
        validityCheck: failedWith(code),
      }));
      const metadata = { ...good.metadata, manifestResults: items };
      return findings({ ...good, created, summary: fail, metadata })[0]?.id;
    };
    expect(at('2026-04-28T00:00:00Z', ErrorCode.NotYetValid)).toBe('verifier-clock');
    expect(at('2026-05-02T00:00:00Z', ErrorCode.NotYetValid)).toBe('metadata-not-yet-valid');
    expect(at('2026-04-28T00:00:00Z', ErrorCode.Expired)).toBe('metadata-expired');
  });

  test('tells policies that deny from policies that fail', () => {
    const idOf = (text: string): string | undefined =>
      findings({ ...good, summary: failedWith(ErrorCode.VerifyPolicies, text) })[0]?.id;
    expect(idOf('its completion value is false')).toBe('policy-denied');
    expect(idOf('not on Sundays')).toBe('policy-denied');
    expect(idOf('the policy overwrote the result with a failure')).toBe('policy-denied');
    expect(idOf('it threw TypeError: x')).toBe('policy-failed');
    expect(idOf('its completion value is of type number, expected a boolean')).toBe(
      'policy-failed',
    );
    expect(idOf('the sandbox failed: x')).toBe('policy-failed');
  });

  test('always has an error for a result that refuses', () => {
    for (const summary of [fail, { status: '' }, { status: 'SUCCESS' }]) {
      expect(findings({ ...good, summary })).toMatchObject([
        { id: 'unspecified', severity: 'error' },
      ]);
    }
    expect(findings(measured({}))).toMatchObject([{ id: 'measurement-unverified' }]);
  });

  test('has texts that are safe to print', () => {
    const nasty = '\u001b[2J\u202e\u2028x\u0000\ny\ud800';
    const artifact = { success: false, launched: true, index: 0, name: nasty, measured: nasty };
    const text = JSON.stringify(
      findings(measured({ artifacts: [artifact], freshness: { status: 'fail', got: nasty } })),
    );
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|\\u/u);
  });

  test('counts what is too much to tell, and so takes little time for it', () => {
    const artifacts = Array.from({ length: 200_000 }, (_, i) => ({
      success: false,
      launched: i % 2 === 0,
      index: 10,
      name: `/bin/${i >> 1}`,
      digest: fromHex('ab'),
    }));
    const start = performance.now();
    const found = findings(measured({ type: 'TPM Result', artifacts }));
    expect(performance.now() - start).toBeLessThan(2000);
    expect(found).toHaveLength(2002);
    expect(found[1000]).toMatchObject({
      id: 'ima-file-unknown',
      path: 'measurements[0].artifacts',
      text: 'TPM measurement: 99000 more were measured but match no reference value.',
    });
    expect(found[2001]?.id).toBe('ima-file-missing');
  });
});
