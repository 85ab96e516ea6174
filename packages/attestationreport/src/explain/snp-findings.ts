import type { BooleanMatch, MeasurementResult, VersionCheck } from '../types/result.ts';
import { detailLines } from './check-findings.ts';
import { type Finding, toFinding } from './finding.ts';
import type { ReasonId } from './reason.ts';
import { snpLine } from './snp-lines.ts';

/**
 * What the single checks of an SNP result say. Results of this package tell it in their details,
 * with more words; then there is nothing to add.
 */
export function snpFindings(
  { snpResult, summary }: MeasurementResult,
  at: string,
): readonly Finding[] {
  if (snpResult === undefined) return [];
  if (detailLines(summary).some(({ text }) => snpLine(text) !== undefined)) return [];
  const { fwCheck, tcbCheck, policyCheck, reportVersionMatch } = snpResult;
  const { abi, smt, migration, debug, singleSocket } = policyCheck;
  const { fmc, bl, tee, snp, ucode } = tcbCheck;
  const path = `${at}.snpResult`;
  const found: Finding[] = [];
  const report = (id: ReasonId, member: string, expected: string, got: string): void => {
    const text = `SNP ${member}: expected ${expected}, got ${got}`;
    const severity = 'error';
    found.push(toFinding({ id, severity, path: `${path}.${member}`, text, expected, got }));
  };
  const version = (id: ReasonId, member: string, check: VersionCheck): void => {
    if (!check.success) report(id, member, dotted(check.claimed), dotted(check.measured));
  };
  const bit = (id: ReasonId, member: string, check: BooleanMatch): void => {
    if (!check.success) report(id, member, String(check.claimed), String(check.measured));
  };
  if (reportVersionMatch.status === 'fail') {
    const { expectedBetween = [], got = '' } = reportVersionMatch;
    report('snp-report-version', 'reportVersionMatch', expectedBetween.join(' to '), got);
  }
  version('snp-firmware', 'fwCheck', fwCheck);
  for (const [name, check] of Object.entries({ fmc, bl, tee, snp, ucode })) {
    version('snp-tcb', `tcbCheck.${name}`, check);
  }
  bit('snp-debug', 'policyCheck.debug', debug);
  version('snp-guest-policy', 'policyCheck.abi', abi);
  for (const [name, check] of Object.entries({ smt, migration, singleSocket })) {
    bit('snp-guest-policy', `policyCheck.${name}`, check);
  }
  return found;
}

function dotted(version: readonly number[] | null): string {
  return version?.join('.') || 'nothing';
}
