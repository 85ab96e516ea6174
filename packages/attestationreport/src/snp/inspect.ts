import { DecodeError } from '@cmc/bytes';
import type { JsonObject } from '../types/report.ts';
import type { Certificate } from '../x509/index.ts';
import { appraiseSnp, type SnpAppraisal } from './appraise.ts';
import type { SnpComparison } from './compare-certificate.ts';
import type { RevocationList } from './crl.ts';
import { parseSnpReport, productOfReport, type SnpReport } from './report.ts';
import { snpReportToJson } from './report-json.ts';

/** One check of an inspection. */
export interface SnpCheck {
  /** `format`, `algorithm`, `signature`, `root`, `chain`, `revocation`, `tcb.bl`, `chipId` … */
  readonly id: string;
  readonly pass: boolean;
  /** What was found, for people. */
  readonly detail: string;
}

/** What a report says, and whether a chip of AMD's said it. */
export interface SnpInspection {
  /** All fields as plain JSON; `null` when it is not a report. */
  readonly report: JsonObject | null;
  readonly checks: readonly SnpCheck[];
  /** `parse-only`: a report, but without certificates nobody knows whose. */
  readonly verdict: 'accept' | 'reject' | 'parse-only';
}

export interface InspectSnpOptions {
  /** VCEK or VLEK, ASK or ASVK, ARK. */
  readonly certificates?: readonly Certificate[];
  /** Default: now. */
  readonly now?: Date;
  /** Roots that are trusted instead of AMD's, for private fleets and tests. */
  readonly roots?: readonly Certificate[];
  readonly revocationLists?: readonly RevocationList[];
}

/**
 * The cryptographic verdict on a report. It says nothing about policy: a guest in debug mode has a
 * genuine report, too. Whether to trust the guest is what `verify()` is for.
 */
export async function inspectSnpReport(
  bytes: Uint8Array,
  options: InspectSnpOptions = {},
): Promise<SnpInspection> {
  let report: SnpReport;
  try {
    report = parseSnpReport(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const checks = [{ id: 'format', pass: false, detail: error.message }];
    return { report: null, checks, verdict: 'reject' };
  }
  const format = { id: 'format', pass: true, detail: `version ${report.version}` };
  const [leaf, ...others] = options.certificates ?? [];
  if (leaf === undefined) {
    const json = snpReportToJson(report, productOfReport(report) ?? 'Milan');
    return { report: json, checks: [format], verdict: 'parse-only' };
  }
  const { now = new Date(), roots, revocationLists } = options;
  const appraisal = await appraiseSnp(report, [leaf, ...others], {
    now,
    ...(roots === undefined ? {} : { roots }),
    ...(revocationLists === undefined ? {} : { revocationLists }),
  });
  const checks = [format, ...checksOf(appraisal, revocationLists !== undefined)];
  return {
    report: snpReportToJson(report, appraisal.product),
    checks,
    verdict: checks.every(({ pass }) => pass) ? 'accept' : 'reject',
  };
}

function checksOf(appraisal: SnpAppraisal, withLists: boolean): readonly SnpCheck[] {
  const { chain, algorithmProblem, kind, product } = appraisal;
  const check = (id: string, problem: string | undefined, fine: string): SnpCheck => ({
    id,
    pass: problem === undefined,
    detail: problem ?? fine,
  });
  const signature =
    algorithmProblem ??
    appraisal.keyProblem ??
    (appraisal.signed ? undefined : 'not signed by the key of the first certificate');
  return [
    check('algorithm', algorithmProblem, `${kind}, ECDSA P-384 with SHA-384`),
    check('signature', signature, 'valid'),
    check('root', chain.rootProblem, `ARK-${product}`),
    check('chain', chain.chainProblem, 'valid'),
    ...(withLists ? [check('revocation', chain.revocationProblem, 'not revoked')] : []),
    ...[...appraisal.productChecks, ...appraisal.extensions].map(comparisonToCheck),
  ];
}

function comparisonToCheck({ id, pass, certificate, report, problem }: SnpComparison): SnpCheck {
  const compared = `certificate ${certificate ?? 'nothing'}, report ${report}`;
  return { id, pass, detail: problem ?? compared };
}
