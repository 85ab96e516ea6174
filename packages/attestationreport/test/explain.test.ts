import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { attestationResultSchema, decodeStruct } from '../src/codec/index.ts';
import { ErrorCode } from '../src/error-codes.ts';
import { explain } from '../src/explain.ts';
import type { AttestationResult, MeasurementResult, Result } from '../src/types/result.ts';

const passed: Result = { status: 'success' };
const file = join(vectorsDir(), 'report', 'attestation-result.json');
const sample = decodeStruct(attestationResultSchema, readFileSync(file)).value;

const good: AttestationResult = {
  version: '3.4.0',
  type: 'Attestation Result',
  summary: passed,
  prover: { hostname: 'host' },
  verifier: {},
  freshness: { status: 'success', got: '00', expected: '00' },
  certLevel: 1,
  measurements: [],
  metadata: {
    imageDescriptionResult: {
      type: 'Image Description',
      name: 'image',
      summary: passed,
      validityCheck: passed,
    },
    manifestResults: [
      { type: 'Manifest', name: 'rtm', summary: passed, validityCheck: passed },
      { type: 'Manifest', name: 'app', summary: passed, validityCheck: passed },
    ],
    compatibilityResult: { result: passed },
  },
};
const software: MeasurementResult = {
  type: 'SW Result',
  summary: passed,
  freshness: { status: 'success', got: 'aa' },
  signature: { signatureVerification: passed, certChainValidation: { status: '' } },
};

function refused(changes: Partial<AttestationResult>, ...codes: number[]): AttestationResult {
  return { ...good, summary: { status: 'fail', errorCodes: codes }, ...changes };
}

describe('explain', () => {
  test('says in one sentence that the sample result is accepted', () => {
    expect(explain(sample)).toEqual([
      'The report of sample-host is accepted at certification level 1.',
    ]);
  });

  test('says that a report without a host is refused, and why', () => {
    const { prover: _, ...rest } = good;
    const result = refused({}, ErrorCode.InvalidVersion);
    const details = 'expected version 3.3.0, got 3.2.0';
    expect(explain({ ...rest, prover: {}, summary: { ...result.summary, details } })).toEqual([
      'The report is refused.',
      'The version is not the supported one: expected version 3.3.0, got 3.2.0 (error 72).',
    ]);
  });

  test('tells metadata before measurements, and what sums them up not at all', () => {
    const [rtm, app] = good.metadata.manifestResults ?? [];
    const result = refused(
      {
        metadata: {
          ...good.metadata,
          manifestResults: [
            ...(rtm === undefined ? [] : [rtm]),
            {
              type: 'Manifest',
              name: 'app',
              ...app,
              summary: { status: 'fail' },
              validityCheck: {
                status: 'fail',
                errorCodes: [ErrorCode.Expired],
                details: 'not valid after 2026, the clock says 2027',
              },
              signatureValidation: [
                {
                  signatureVerification: {
                    status: 'fail',
                    errorCodes: [ErrorCode.VerifySignature],
                  },
                  certChainValidation: passed,
                },
              ],
            },
          ],
        },
        measurements: [
          {
            ...software,
            summary: { status: 'fail' },
            freshness: { status: 'fail', expected: 'aa', got: 'bb' },
            artifacts: [
              { success: true, launched: true, type: 'Verified', name: 'ok', index: 0 },
              { success: false, launched: false, type: 'SW', name: 'missing', index: 0 },
              {
                success: false,
                launched: true,
                type: 'Measurement',
                name: 'evil',
                index: 0,
                digest: fromHex('abcd'),
                description: 'process.args differs from the reference',
              },
            ],
          },
        ],
      },
      ErrorCode.VerifyMetadata,
      ErrorCode.VerifyMeasurement,
    );
    expect(explain(result)).toEqual([
      'The report of host is refused.',
      'The signature of Manifest app: the signature does not verify (error 64).',
      'The validity of Manifest app: not valid after 2026, the clock says 2027 (error 11).',
      'The nonce of the SW measurement: expected aa, got bb.',
      'SW measurement: evil with hash abcd (index 0) was measured but matches no reference value: process.args differs from the reference.',
      'SW measurement: missing without hash (index 0) is required but was not measured.',
    ]);
  });

  test('tells about revocation, compatibility and a wrong nonce', () => {
    const result = refused(
      {
        freshness: { status: 'fail', expected: '01', got: '' },
        metadata: {
          ...good.metadata,
          manifestResults: [
            {
              type: 'Manifest',
              name: 'rtm',
              summary: { status: 'fail' },
              validityCheck: passed,
              omspStatus: {
                status: 'fail',
                got: 'revoked',
                errorCodes: [ErrorCode.ManifestRevoked],
              },
            },
          ],
          compatibilityResult: {
            result: { status: 'fail', errorCodes: [ErrorCode.ImageDescriptionNotPresent] },
            manifestMatch: [{ status: 'fail', got: 'rtm', expectedOneOf: [] }],
            manifestCompatibility: [{ status: 'fail', got: 'x', expectedOneOf: ['y', 'z'] }],
          },
        },
      },
      ErrorCode.VerifyMetadata,
      ErrorCode.Freshness,
    );
    expect(explain(result)).toEqual([
      'The report of host is refused.',
      'The revocation status of Manifest rtm: the manifest is revoked (error 86).',
      'The metadata as a whole: there is no image description (error 70).',
      'The image description: it does not name manifest rtm; it names: none.',
      'The base layers of manifest x: expected one that builds on the root manifest, got y, z.',
      'The nonce of the report: expected 01, got nothing.',
    ]);
  });

  test('attributes lines of details to codes, and notes to none', () => {
    const summary = {
      status: 'fail',
      errorCodes: [ErrorCode.VerifyMetadata, ErrorCode.NotPresent, ErrorCode.VerifyPolicies],
      details: 'a note\nmetadata item ab is missing\nthe report has no evidence\ndenied',
    };
    expect(explain({ ...good, summary })).toEqual([
      'The report of host is refused.',
      'Metadata item ab is missing (error 61).',
      'The report has no evidence (error 24).',
      'The policy: denied (error 62).',
      'A note.',
    ]);
  });

  test('understands verifiers that keep the last text only', () => {
    const summary = { status: 'fail', errorCodes: [24, 44], details: 'component "x"' };
    expect(explain({ ...good, summary }).slice(1)).toEqual([
      'Something required is not present (error 24).',
      'A reference value names no known trust anchor: component "x" (error 44).',
    ]);
  });

  test('tells the notes of what is accepted', () => {
    const summary = { status: 'success', details: 'no hardware anchor' };
    expect(explain({ ...good, measurements: [{ ...software, summary }] })).toEqual([
      'The report of host is accepted at certification level 1.',
      'The SW measurement: no hardware anchor.',
    ]);
    const warned = explain({
      ...good,
      summary: { status: 'warn', details: 'FAILED, overwritten' },
    });
    expect(warned).toEqual([
      'The report of host is accepted with a warning at certification level 1.',
      'FAILED, overwritten.',
    ]);
  });

  test('tells which register of a TPM differs', () => {
    const tpm: MeasurementResult = {
      ...software,
      type: 'TPM Result',
      summary: { status: 'fail' },
      tpmResult: {
        pcrMatch: [
          { success: true, launched: false, index: 0, digest: fromHex('00') },
          { success: false, launched: false, index: 4, digest: fromHex('aa'), measured: 'bb' },
        ],
        aggPcrQuoteMatch: { status: 'fail', expected: 'cc', got: 'dd' },
      },
    };
    expect(explain(refused({ measurements: [tpm] })).slice(1)).toEqual([
      'The register values in the quote: expected cc, got dd.',
      'PCR 4: expected aa, got bb.',
    ]);
  });

  test('treats a status it does not know as refused', () => {
    for (const status of ['', 'SUCCESS', 'ok']) {
      expect(explain({ ...good, summary: { status } })[0]).toBe('The report of host is refused.');
    }
  });

  test('is safe to print: no control characters, no endless text, no endless list', () => {
    const artifact = { success: false, launched: true, type: 'Measurement', index: 0 };
    const nasty = { ...software, artifacts: [{ ...artifact, name: '\u001b[2J\u202e\u2028x\ny' }] };
    const text = explain(refused({ measurements: [nasty], prover: { hostname: '\u0007' } })).join();
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(text).toContain('x\ufffdy');

    const long = { ...software, artifacts: [{ ...artifact, name: 'n'.repeat(10_000) }] };
    expect(
      Math.max(...explain(refused({ measurements: [long] })).map((s) => s.length)),
    ).toBeLessThan(1100);

    const artifacts = Array.from({ length: 500 }, (_, i) => ({ ...artifact, name: `c${i}` }));
    const many = explain(refused({ measurements: [{ ...software, artifacts }] }));
    expect(many.length).toBe(100);
    expect(many.at(-1)).toBe('402 more sentences are left out.');
  });
});
