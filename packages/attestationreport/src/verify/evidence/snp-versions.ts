import { decodeTcb, type SnpProduct, type SnpReport, tcbPartsOf } from '../../snp/index.ts';
import type { SnpPolicy, SnpVersion } from '../../types/metadata.ts';
import type { Result, SnpResult, TcbCheck, VersionCheck } from '../../types/result.ts';
import type { SnpMismatch } from './snp-mismatch.ts';

/** Outcome of some checks, for the result and for people. */
export interface SnpVersionChecks {
  readonly result: Pick<SnpResult, 'reportVersionMatch' | 'fwCheck' | 'tcbCheck'>;
  readonly mismatches: readonly SnpMismatch[];
}

const UPDATE = 'update the firmware of the host and commit it (SNP_COMMIT)';

/** Compares the versions of report, firmware and TCB with the least that the policy accepts. */
export function checkSnpVersions(
  report: SnpReport,
  product: SnpProduct,
  policy: SnpPolicy,
  minimum: SnpVersion,
): SnpVersionChecks {
  const mismatches: SnpMismatch[] = [];
  const reportVersionMatch = checkReportVersion(report, policy, mismatches);
  const fwCheck = checkFirmware(report, minimum, mismatches);
  const tcbCheck = checkTcb(report, product, minimum, mismatches);
  if (policy.allowProvisionalFirmware !== true) checkCommitted(report, product, mismatches);
  return { result: { reportVersionMatch, fwCheck, tcbCheck }, mismatches };
}

/** Whether `a` is at least `b`, the first difference deciding. */
export function isAtLeast(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 || (a[at] ?? 0) > (b[at] ?? 0);
}

function checkReportVersion(
  { version }: SnpReport,
  { reportMinVersion, reportMaxVersion }: SnpPolicy,
  mismatches: SnpMismatch[],
): Result {
  if (version >= reportMinVersion && version <= reportMaxVersion) return { status: 'success' };
  const expectedBetween = [String(reportMinVersion), String(reportMaxVersion)];
  mismatches.push({
    field: 'report version',
    claimed: expectedBetween.join(' to '),
    measured: String(version),
    fix: 'change the range in snpPolicy, or update the firmware of the host',
  });
  return { status: 'fail', got: String(version), expectedBetween };
}

function checkFirmware(
  { currentFw, committedFw }: SnpReport,
  { fw }: SnpVersion,
  mismatches: SnpMismatch[],
): VersionCheck {
  const claimed = [fw.major, fw.minor, fw.build];
  const current = [currentFw.major, currentFw.minor, currentFw.build];
  const committed = [committedFw.major, committedFw.minor, committedFw.build];
  const measured = isAtLeast(current, committed) ? committed : current;
  const success = isAtLeast(measured, claimed);
  if (!success) {
    mismatches.push({
      field: 'firmware',
      claimed: `at least ${claimed.join('.')}`,
      measured: measured.join('.'),
      fix: UPDATE,
    });
  }
  return { success, claimed, measured };
}

function checkTcb(
  report: SnpReport,
  product: SnpProduct,
  { tcb }: SnpVersion,
  mismatches: SnpMismatch[],
): TcbCheck {
  const all = tcbsOf(report, product);
  const parts = tcbPartsOf(product);
  const check = (part: 'fmc' | 'bl' | 'tee' | 'snp' | 'ucode'): VersionCheck => {
    const claimed = tcb[part];
    const measured = Math.min(...all.map(([, version]) => version[part]));
    const success = !parts.includes(part) || measured >= claimed;
    if (!success) {
      const low = all.filter(([, version]) => version[part] < claimed).map(([name]) => name);
      mismatches.push({
        field: `TCB ${part} (${low.join(', ')})`,
        claimed: `at least ${claimed}`,
        measured: String(measured),
        fix: low.includes('launch') ? `${UPDATE}, then start the guest anew` : UPDATE,
      });
    }
    return { success, claimed: [claimed], measured: [measured] };
  };
  const checks = {
    fmc: check('fmc'),
    bl: check('bl'),
    tee: check('tee'),
    snp: check('snp'),
    ucode: check('ucode'),
  };
  const success = Object.values(checks).every((one) => one.success);
  return { result: { status: success ? 'success' : 'fail' }, ...checks };
}

function checkCommitted(report: SnpReport, product: SnpProduct, mismatches: SnpMismatch[]): void {
  const { currentFw: current, committedFw: committed } = report;
  const currentTcb = decodeTcb(report.currentTcb, product);
  const committedTcb = decodeTcb(report.committedTcb, product);
  const older = tcbPartsOf(product).filter((part) => committedTcb[part] < currentTcb[part]);
  const oldFirmware = !isAtLeast(
    [committed.major, committed.minor, committed.build],
    [current.major, current.minor, current.build],
  );
  if (older.length === 0 && !oldFirmware) return;
  const what = [...(oldFirmware ? ['firmware'] : []), ...older.map((part) => `TCB ${part}`)];
  mismatches.push({
    field: 'provisional firmware',
    claimed: 'committed versions as new as the current ones',
    measured: `older ones of ${what.join(', ')}`,
    fix: 'commit the firmware of the host (SNP_COMMIT), or set allowProvisionalFirmware',
  });
}

function tcbsOf(report: SnpReport, product: SnpProduct) {
  return [
    ['current', decodeTcb(report.currentTcb, product)],
    ['committed', decodeTcb(report.committedTcb, product)],
    ['launch', decodeTcb(report.launchTcb, product)],
    ['reported', decodeTcb(report.reportedTcb, product)],
  ] as const;
}
