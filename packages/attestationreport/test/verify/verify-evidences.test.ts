import { DecodeError } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Evidence, UnverifiedReport } from '../../src/types/report.ts';
import type {
  EvidenceInput,
  EvidenceOutcome,
  EvidenceVerifier,
  Reference,
  TrustAnchor,
} from '../../src/verify/evidence/evidence-verifier.ts';
import { Findings } from '../../src/verify/findings.ts';
import { type VerifiedEvidences, verifyEvidences } from '../../src/verify/verify-evidences.ts';
import { containerReference } from '../support/software.ts';

const evidenceNonce = Uint8Array.of(1, 2, 3);

function fakeVerifier(
  trustAnchor: TrustAnchor,
  verify: (
    input: EvidenceInput,
  ) => Partial<EvidenceOutcome> & { readonly status?: string } = () => ({}),
): EvidenceVerifier {
  const resultType = `${trustAnchor} Result`;
  return {
    evidenceType: `${trustAnchor} Evidence`,
    resultType,
    trustAnchor,
    verify: async (input) => {
      const { hardware = true, status = 'success' } = verify(input);
      const result = {
        type: resultType,
        summary: { status },
        freshness: { status },
        signature: { signatureVerification: { status }, certChainValidation: { status } },
        artifacts: [{ success: true, launched: true, index: 0 }],
      };
      return { hardware, result };
    },
  };
}

async function run(
  verifiers: readonly EvidenceVerifier[],
  types: readonly string[],
  references: ReadonlyMap<TrustAnchor, readonly Reference[]> = new Map(),
): Promise<VerifiedEvidences & { readonly findings: Findings }> {
  const evidences: Evidence[] = types.map((type) => ({ type, evidence: Uint8Array.of(1) }));
  const report: UnverifiedReport = {
    version: '3.3.0',
    type: 'Attestation Report',
    encoding: 'cbor',
    evidences,
    context: {
      type: 'Context',
      alg: 'SHA-256',
      nonce: new Uint8Array(),
      collateral: types.map((type) => ({ type })),
      digests: [],
    },
  };
  const findings = new Findings();
  const options = { report, references, evidenceNonce, rootManifest: undefined, roots: [] };
  const now = new Date('2026-06-01');
  return { ...(await verifyEvidences({ ...options, now, verifiers }, findings)), findings };
}

describe('verifyEvidences', () => {
  test('runs verifiers in their order and reports results in the order of the report', async () => {
    const order: (readonly [string, readonly string[]])[] = [];
    const note = (anchor: TrustAnchor) =>
      fakeVerifier(anchor, ({ verifiedAnchors }) => {
        order.push([anchor, [...verifiedAnchors]]);
        return anchor === 'TDX' ? { status: 'fail' } : {};
      });
    const { measurements } = await run(
      [note('SNP'), note('TDX'), note('TPM')],
      ['TPM Evidence', 'TDX Evidence', 'SNP Evidence'],
    );
    expect(order).toEqual([
      ['SNP', []],
      ['TDX', ['SNP']],
      ['TPM', ['SNP']],
    ]);
    expect(measurements.map(({ type }) => type)).toEqual([
      'TPM Result',
      'TDX Result',
      'SNP Result',
    ]);
  });

  test('gives a verifier its own evidence, collateral and references, and the evidence nonce', async () => {
    const reference = { component: containerReference(), manifest: 'm' };
    let seen: EvidenceInput | undefined;
    const verifier = fakeVerifier('SNP', (input) => {
      seen = input;
      return {};
    });
    const references = new Map([
      ['SNP', [reference]] as const,
      ['TPM', [{ ...reference, component: { ...reference.component, optional: true } }]] as const,
    ]);
    await run([verifier, fakeVerifier('TPM')], ['TPM Evidence', 'SNP Evidence'], references);
    expect(seen).toMatchObject({
      evidence: { type: 'SNP Evidence' },
      collateral: { type: 'SNP Evidence' },
      references: [reference],
      evidenceNonce,
    });
  });

  test('R39 what a verifier throws is a measurement that failed', async () => {
    const decodeError = new DecodeError('ERR_DECODE_TRUNCATED', 'short', {
      path: ['x'],
      offset: 0,
    });
    for (const [error, code] of [
      [new TypeError('cannot read'), ErrorCode.Internal],
      [decodeError, ErrorCode.ParseEvidence],
      ['thrown text', ErrorCode.Internal],
    ] as const) {
      const broken = fakeVerifier('TPM', () => {
        throw error;
      });
      const { measurements, findings, hardware } = await run(
        [broken, fakeVerifier('SNP')],
        ['TPM Evidence', 'SNP Evidence'],
      );
      expect(measurements).toMatchObject([
        {
          type: 'TPM Result',
          summary: { status: 'fail', errorCodes: [code] },
          freshness: { status: '' },
          signature: { signatureVerification: { status: '' } },
        },
        { type: 'SNP Result', summary: { status: 'success' } },
      ]);
      expect(findings.toResult().errorCodes).toEqual([ErrorCode.VerifyMeasurement]);
      expect(hardware).toBe(true);
    }
  });

  test('R39 a summary that is anything but success is a failure', async () => {
    for (const status of ['fail', 'warn', '', 'SUCCESS']) {
      const { findings, hardware } = await run(
        [fakeVerifier('SNP', () => ({ status }))],
        ['SNP Evidence'],
      );
      expect(findings.failed).toBe(true);
      expect(hardware).toBe(false);
    }
  });

  test('R31 failed evidence does not cover reference values', async () => {
    const references = new Map([
      ['TPM', [{ component: containerReference(), manifest: 'm' }]] as const,
    ]);
    const failing = fakeVerifier('TPM', () => ({ status: 'fail' }));
    const { findings } = await run([failing], ['TPM Evidence'], references);
    expect(findings.toResult().errorCodes).toEqual([
      ErrorCode.VerifyMeasurement,
      ErrorCode.NotPresent,
    ]);
  });

  test('warns where no hardware vouches for anything, and only there', async () => {
    const software = fakeVerifier('SW', () => ({ hardware: false }));
    const alone = await run([software], ['SW Evidence']);
    expect(alone.hardware).toBe(false);
    expect(alone.findings.toResult()).toEqual({ status: 'success' });
    expect(alone.measurements[0]?.summary).toEqual({
      status: 'success',
      details: expect.stringMatching(/^no hardware anchor: /),
    });
    const anchored = await run([fakeVerifier('SNP'), software], ['SW Evidence', 'SNP Evidence']);
    expect(anchored.hardware).toBe(true);
    expect(anchored.measurements[0]?.summary).toEqual({ status: 'success' });
    const failing = fakeVerifier('SNP', () => ({ status: 'fail' }));
    const unanchored = await run([failing, software], ['SW Evidence', 'SNP Evidence']);
    expect(unanchored.measurements[0]?.summary.details).toMatch(/^no hardware anchor: /);
  });
});
