import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import { findings } from '../../src/explain/findings.ts';
import { REASONS, type Reason, type ReasonId, reasonLink } from '../../src/explain/reason.ts';
import type {
  AttestationResult,
  MeasurementResult,
  MetadataResult,
  Result,
} from '../../src/types/result.ts';
import {
  BOOT_AGGREGATE_MISMATCH,
  BOOT_AGGREGATE_UNCHECKED,
  BOOT_AGGREGATE_UNDECIDED,
  NO_HARDWARE_ANCHOR,
  NO_OMSP_SERVER,
  POLICY_OVERWROTE,
} from '../../src/verify/note-texts.ts';
import { failedWith, good, passed, software } from './results.ts';

const docs = join(import.meta.dirname, '../../../../docs/reasons.md');
const entries = Object.entries(REASONS) as [ReasonId, Reason][];

describe('the catalogue of reasons', () => {
  test('is what docs/reasons.md says', async () => {
    const sections = entries.map(
      ([id, { severity, title, meaning, causes, remedy }]) =>
        `## ${id}\n\n**${title.charAt(0).toUpperCase()}${title.slice(1)}** (${severity}). ${meaning}\n\n` +
        `Likely causes: ${causes.join('; ')}.\n\nWhat to do: ${remedy}\n`,
    );
    const text = `# Reasons

Every finding of \`findings()\` in \`@cmc/attestationreport\`, of \`cmcctl explain\` and of
\`cmcctl verify\` has one of these ids. An id keeps its meaning. A finding says besides where in the
result it is from, what was expected and what came. An error refuses a report; a warning and a note
do not.

${sections.join('\n')}`;
    await expect(text).toMatchFileSnapshot(docs);
  });

  test('has ids in kebab case, and a text for everything', () => {
    for (const [id, { title, meaning, causes, remedy }] of entries) {
      expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(title).toMatch(/^[^.]+$/);
      expect(meaning).toMatch(/\.$/);
      expect(remedy).toMatch(/\.$/);
      expect(causes.length).toBeGreaterThan(0);
      expect(reasonLink(id)).toBe(`docs/reasons.md#${id}`);
    }
    expect(new Set(entries.map(([, { title }]) => title)).size).toBe(entries.length);
  });

  test('has no reason that no result can have', () => {
    const reached = new Set(
      everyResult().flatMap((result) => findings(result).map(({ id }) => id)),
    );
    expect([...reached].sort()).toEqual(Object.keys(REASONS).sort());
  });

  test('has a reason for every error code, wherever it stands', () => {
    for (const code of Object.values(ErrorCode)) {
      for (const result of withCode(code)) {
        const [first] = findings(result);
        expect(first?.severity, `code ${code}`).toBe('error');
        expect(first?.codes, `code ${code}`).toEqual([code]);
        const isSpecific = first?.id !== 'unspecified' || code === ErrorCode.NotSpecified;
        expect(isSpecific, `code ${code}`).toBe(true);
      }
    }
  });
});

const refused = { ...good, summary: { status: 'fail' } };

function withItem(changes: Partial<MetadataResult>): AttestationResult {
  const [item] = good.metadata.manifestResults ?? [];
  const manifest = {
    ...item,
    type: 'Manifest',
    summary: passed,
    validityCheck: passed,
    ...changes,
  };
  return { ...refused, metadata: { ...good.metadata, manifestResults: [manifest] } };
}

function withMeasurement(changes: Partial<MeasurementResult>): AttestationResult {
  return { ...refused, measurements: [{ ...software, ...changes }] };
}

function withCode(code: number): readonly AttestationResult[] {
  const check = failedWith(code, 'why');
  const skipped: Result = { status: '' };
  return [
    { ...good, summary: check },
    withItem({ summary: check }),
    withItem({ validityCheck: check }),
    withItem({ omspStatus: check }),
    withItem({ omspValidity: check }),
    withItem({
      signatureValidation: [{ signatureVerification: check, certChainValidation: skipped }],
    }),
    withItem({
      signatureValidation: [{ signatureVerification: skipped, certChainValidation: check }],
    }),
    {
      ...refused,
      metadata: {
        ...good.metadata,
        unknownResults: [{ type: '', summary: check, validityCheck: skipped }],
      },
    },
    { ...refused, metadata: { ...good.metadata, compatibilityResult: { result: check } } },
    withMeasurement({ summary: check }),
    withMeasurement({ signature: { signatureVerification: check, certChainValidation: skipped } }),
    withMeasurement({ signature: { signatureVerification: skipped, certChainValidation: check } }),
  ];
}

/** Results with every code at every place, and with every check that has no code. */
function everyResult(): readonly AttestationResult[] {
  const details = (text: string): AttestationResult =>
    withMeasurement({ type: 'SNP Result', summary: { status: 'fail', details: text } });
  const demand = (field: string): AttestationResult =>
    details(`${field}: the policy demands 1, the report says 0; to fix it, do something`);
  const artifact = { success: false, launched: true, index: 0, name: 'x' };
  const artifacts = [artifact, { ...artifact, launched: false }];
  const chain = (text: string): AttestationResult =>
    withItem({
      signatureValidation: [
        {
          signatureVerification: { status: '' },
          certChainValidation: failedWith(ErrorCode.VerifyCertChain, text),
        },
      ],
    });
  const policy = (text: string): AttestationResult => ({
    ...good,
    summary: failedWith(ErrorCode.VerifyPolicies, text),
  });
  const compatibility = { result: { status: 'fail' } };
  const matched = { status: 'fail', got: 'a', expectedOneOf: ['b'] };
  const tpm = { type: 'TPM Result', summary: { status: 'fail' } };
  return [
    ...Object.values(ErrorCode).flatMap(withCode),
    refused,
    { ...refused, freshness: { status: 'fail', expected: '01', got: '02' } },
    {
      ...refused,
      metadata: {
        ...good.metadata,
        compatibilityResult: {
          ...compatibility,
          descriptionMatch: [matched],
          manifestMatch: [matched],
          manifestCompatibility: [matched],
        },
      },
    },
    withItem({ version: '2026-06-09T00:00:00Z', validityCheck: failedWith(ErrorCode.NotYetValid) }),
    {
      ...withItem({}),
      created: '2026-04-01T00:00:00Z',
      metadata: {
        ...good.metadata,
        manifestResults: [
          {
            type: 'Manifest',
            name: 'rtm',
            version: '2026-05-01T00:00:00Z',
            summary: { status: 'fail' },
            validityCheck: failedWith(ErrorCode.NotYetValid),
          },
        ],
      },
    },
    withItem({
      validityCheck: { status: 'success', details: 'x: accepted within the leeway of 60 s' },
    }),
    withItem({ summary: { status: 'success', details: NO_OMSP_SERVER } }),
    chain('CN=a: valid until 2020-01-01, now it is 2026-01-01'),
    chain('CN=a: valid from 2030-01-01, now it is 2026-01-01'),
    { ...good, summary: failedWith(ErrorCode.VerifyMeasurement, 'no collateral for evidence x') },
    policy('it threw Error: x'),
    { ...good, summary: { status: 'warn', details: POLICY_OVERWROTE } },
    withMeasurement({ summary: { status: 'success', details: NO_HARDWARE_ANCHOR } }),
    withMeasurement({ summary: { status: 'success', details: 'a remark' } }),
    withMeasurement({ freshness: { status: 'fail' } }),
    withMeasurement({ artifacts }),
    withMeasurement({ type: 'TDX Result', artifacts }),
    withMeasurement({ type: 'SNP Result', artifacts }),
    ...['PCR 4: an event has no digest', 'PCR 4 is quoted, but not reported'].map((text) =>
      withMeasurement({ ...tpm, summary: failedWith(ErrorCode.PcrNotSpecified, text) }),
    ),
    ...[BOOT_AGGREGATE_MISMATCH, BOOT_AGGREGATE_UNCHECKED].map((text) =>
      withMeasurement({ ...tpm, summary: failedWith(ErrorCode.MeasurementNoMatch, text) }),
    ),
    withMeasurement({
      ...tpm,
      summary: { status: 'success', details: `${BOOT_AGGREGATE_UNDECIDED}: x` },
    }),
    withMeasurement({
      ...tpm,
      summary: failedWith(ErrorCode.Freshness, 'the clock of the TPM was at 2 ms before, now at 1'),
    }),
    withMeasurement({ ...tpm, artifacts }),
    withMeasurement({ ...tpm, artifacts: artifacts.map((one) => ({ ...one, index: 10 })) }),
    withMeasurement({
      ...tpm,
      tpmResult: {
        pcrMatch: [{ success: false, launched: true, index: 4 }],
        aggPcrQuoteMatch: { status: 'fail' },
      },
    }),
    ...[
      'report version',
      'firmware',
      'TCB bl (current)',
      'provisional firmware',
      'guest policy debug',
      'guest policy smt',
      'VMPL',
      'guestSvn',
      'hostData',
      'platform ecc',
      'launch mitigations',
      'provider (VLEK)',
      'chip',
      'generation',
    ].map(demand),
    details('chipId: the certificate says a, the report b; to fix it, fetch the certificate'),
  ];
}
