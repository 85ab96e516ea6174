import { equalBytes } from '@cmc/bytes';
import { flipEachByte, prefixes } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { digest } from '../../src/crypto/index.ts';
import {
  inspectSnpReport,
  parseSnpReport,
  type SnpInspection,
  verifySnpChain,
} from '../../src/snp/index.ts';
import { type Certificate, parseCertificate } from '../../src/x509/index.ts';
import { bytesOf, caseOf, certificateOf, certificatesOf, snpCases, timeOf } from './vectors.ts';

function passed({ checks }: SnpInspection, id: string): boolean | undefined {
  return checks.find((check) => check.id === id)?.pass;
}

/** Whether all checks whose id starts so passed. */
function allPassed({ checks }: SnpInspection, start: string): boolean {
  return checks.filter(({ id }) => id.startsWith(start)).every(({ pass }) => pass);
}

const words: Readonly<Record<string, boolean>> = { valid: true, invalid: false };

describe('the genuine and forged reports', () => {
  const reports = snpCases().filter(({ kind }) => kind === 'snp-report');

  test('there are 27 of them', () => {
    expect(reports).toHaveLength(27);
  });

  for (const entry of reports) {
    const { id, expected, facts } = entry;
    test(`${expected.verdict}: ${id}`, async () => {
      const certificates = certificatesOf(entry);
      const inspection = await inspectSnpReport(bytesOf(entry.file), {
        certificates,
        now: timeOf(entry),
      });
      expect(inspection.verdict).toBe(expected.verdict);
      if (inspection.report === null) {
        expect(facts?.report).toBeUndefined();
        expect(passed(inspection, 'format')).toBe(false);
        return;
      }
      if (facts?.report !== undefined) {
        const { cpuFamily: _, ...fields } = facts.report;
        expect(inspection.report).toMatchObject(fields);
      }
      if (certificates.length === 0) return;
      expect(passed(inspection, 'signature')).toBe(words[expected.signature ?? '']);
      expect(passed(inspection, 'chain')).toBe(words[expected.chain ?? '']);
      if (expected.tcbInCertMatchesReport !== undefined) {
        expect(allPassed(inspection, 'tcb')).toBe(expected.tcbInCertMatchesReport);
      }
      if (expected.hwidMatchesChipId !== undefined) {
        expect(passed(inspection, 'chipId')).toBe(expected.hwidMatchesChipId);
      }
    });
  }
});

test('the certificate of turin-vcek-zero-tcb leads to the root of Turin', async () => {
  const entry = caseOf('turin-vcek-zero-tcb');
  const leaf = certificateOf(entry.file);
  const result = await verifySnpChain([leaf, ...certificatesOf(entry)], {
    kind: 'VCEK',
    now: new Date('2025-01-01T00:00:00Z'),
  });
  expect(result).toEqual({ product: 'Turin' });
});

describe('reports inside of the evidence of Azure', () => {
  const entries = snpCases('azure').filter(({ files }) => files?.['snpReport'] !== undefined);

  test('there are six', () => {
    expect(entries).toHaveLength(6);
  });

  for (const entry of entries) {
    test(entry.id, async () => {
      const hcl = bytesOf(entry.file, 'azure');
      const report = hcl.slice(32, 32 + 1184);
      const inspection = await inspectSnpReport(report, {
        certificates: certificatesOf(entry, 'azure'),
        now: timeOf(entry),
      });
      const { snpSignature = '', snpChain = '', runtimeDataBoundToReport } = entry.expected;
      expect(passed(inspection, 'signature')).toBe(words[snpSignature]);
      expect(passed(inspection, 'chain')).toBe(words[snpChain]);
      expect(inspection.verdict).toBe('accept');
      const runtime = digest('SHA-256', bytesOf(entry.files?.['runtimeData'] ?? '', 'azure'));
      const bound = equalBytes(parseSnpReport(report).reportData.subarray(0, 32), runtime);
      expect(bound).toBe(runtimeDataBoundToReport);
    });
  }
});

describe('changed bytes', () => {
  const entry = caseOf('turin-v5-routex');
  const report = bytesOf(entry.file);
  const certificates = certificatesOf(entry);
  const options = { certificates, now: timeOf(entry) };

  test('R23 a report with any byte changed is refused', async () => {
    expect((await inspectSnpReport(report, options)).verdict).toBe('accept');
    let flips = 0;
    for (const { bytes } of flipEachByte(report)) {
      flips++;
      expect((await inspectSnpReport(bytes, options)).verdict).toBe('reject');
    }
    expect(flips).toBeGreaterThanOrEqual(1184);
  });

  test('R23 a report of any other length is refused', async () => {
    for (const prefix of prefixes(report)) {
      expect((await inspectSnpReport(prefix, options)).verdict).toBe('reject');
    }
    const longer = new Uint8Array(report.length + 1);
    longer.set(report);
    expect((await inspectSnpReport(longer, options)).verdict).toBe('reject');
  });

  test('R28 a VCEK with any byte changed is refused', async () => {
    const [leaf, ...others] = certificates;
    let parsed = 0;
    for (const { bytes } of flipEachByte(leaf!.raw)) {
      let certificate: Certificate;
      try {
        certificate = parseCertificate(bytes);
      } catch {
        continue;
      }
      parsed++;
      const inspection = await inspectSnpReport(report, {
        ...options,
        certificates: [certificate, ...others],
      });
      expect(inspection.verdict).toBe('reject');
    }
    expect(parsed).toBeGreaterThan(800);
  });

  test('R28 an ASK or ARK with any byte changed is refused', async () => {
    const [leaf, ask, ark] = certificates;
    for (const [place, good] of [
      [1, ask!],
      [2, ark!],
    ] as const) {
      for (let at = 0; at < good.raw.length; at += 13) {
        const changed = good.raw.slice();
        changed[at] = (changed[at] ?? 0) ^ 1;
        let certificate: Certificate;
        try {
          certificate = parseCertificate(changed);
        } catch {
          continue;
        }
        const list = [leaf!, ask!, ark!];
        list[place] = certificate;
        const inspection = await inspectSnpReport(report, { ...options, certificates: list });
        expect(inspection.verdict).toBe('reject');
      }
    }
  });
});
