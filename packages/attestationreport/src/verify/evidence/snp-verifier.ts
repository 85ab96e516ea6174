import { DecodeError, equalBytes, fromHex, toHex } from '@cmc/bytes';
import { ErrorCode } from '../../error-codes.ts';
import {
  appraiseSnp,
  parseRevocationList,
  parseSnpCertificate,
  parseSnpCertificateTable,
  parseSnpReport,
  SNP_REPORT_BYTES,
  type SnpAppraisal,
  type SnpComparison,
  type SnpReport,
} from '../../snp/index.ts';
import type { Manifest } from '../../types/metadata.ts';
import type { Collateral } from '../../types/report.ts';
import type { DigestResult, MeasurementResult, Result } from '../../types/result.ts';
import { type Certificate, fingerprint } from '../../x509/index.ts';
import { Findings, failed, NOT_REACHED, PASSED } from '../findings.ts';
import { hashOf } from './components.ts';
import type {
  EvidenceInput,
  EvidenceOutcome,
  EvidenceVerifier,
  Reference,
} from './evidence-verifier.ts';
import { checkSnpGuestPolicy } from './snp-guest-policy.ts';
import { mismatchText } from './snp-mismatch.ts';
import { checkSnpRequirements } from './snp-requirements.ts';
import { checkSnpVersions } from './snp-versions.ts';

const MEASUREMENT_BYTES = 48;
const REPORT_DATA_BYTES = 64;
/** Most certificates of a collateral; three are of use. */
const MAX_CERTIFICATES = 8;

/**
 * Verifies AMD SEV-SNP evidence: an attestation report that a key of the chip (VCEK) or of the cloud
 * provider (VLEK) signed, against AMD's pinned roots, the reference measurement and `snpPolicy`.
 */
export const snpVerifier: EvidenceVerifier = Object.freeze({
  evidenceType: 'SNP Evidence',
  resultType: 'SNP Result',
  trustAnchor: 'SNP',
  verify: async (input: EvidenceInput): Promise<EvidenceOutcome> => ({
    result: await verifySnp(input),
    hardware: true,
  }),
});

async function verifySnp(input: EvidenceInput): Promise<MeasurementResult> {
  const { evidence, collateral, evidenceNonce, references, rootManifest, now } = input;
  const report = attempt(ErrorCode.ParseEvidence, () => readEvidence(evidence.evidence));
  if ('fault' in report) return refused(report.fault);
  const certificates = attempt(ErrorCode.ParseCert, () => readCertificates(collateral));
  if ('fault' in certificates) return refused(certificates.fault);
  const lists = attempt(ErrorCode.CRLCheckRoot, () =>
    (input.snpRevocationLists ?? []).map(parseRevocationList),
  );
  if ('fault' in lists) return refused(lists.fault);
  const reference = readReference(references);
  if ('fault' in reference) return refused(reference.fault);
  const policy = rootManifest?.snpPolicy;
  if (policy === undefined) return refused(failed(ErrorCode.PolicyNotPresent));

  const appraisal = await appraiseSnp(report.value, certificates.value, {
    now,
    ...(input.snpRoots === undefined ? {} : { roots: input.snpRoots }),
    revocationLists: lists.value,
  });
  const { product } = appraisal;
  const minimum = (policy.versions ?? []).filter(
    ({ name }) => name.toLowerCase() === product.toLowerCase(),
  );
  const [version] = minimum;
  if (version === undefined || minimum.length > 1) {
    const details = `expected one entry for ${product} in versions of snpPolicy, got ${minimum.length}`;
    return refused(failed(ErrorCode.PolicyNotPresent, details));
  }

  const [leaf] = certificates.value;
  const findings = new Findings();
  const freshness = checkReportData(report.value, evidenceNonce);
  if (freshness.status === 'fail') findings.fail(undefined, 'the report is for another nonce');
  const signatureVerification = signatureResult(appraisal);
  const certChainValidation = chainResult(appraisal, certificates.value, rootManifest);
  for (const { status } of [signatureVerification, certChainValidation]) {
    if (status === 'fail') findings.fail(undefined);
  }
  const artifacts = compareMeasurement(report.value, reference.value);
  if (artifacts.some(({ success }) => !success)) findings.fail(undefined);
  for (const check of [...appraisal.productChecks, ...appraisal.extensions]) {
    if (!check.pass) findings.fail(undefined, comparisonText(check));
  }
  const versions = checkSnpVersions(report.value, product, policy, version);
  const guest = checkSnpGuestPolicy(report.value, policy.policy);
  const required = attempt(ErrorCode.ParseExtensions, () =>
    checkSnpRequirements(report.value, product, leaf, policy),
  );
  if ('fault' in required) findings.fail(ErrorCode.ParseExtensions, required.fault.details);
  for (const mismatch of [
    ...versions.mismatches,
    ...guest.mismatches,
    ...('fault' in required ? [] : required.value),
  ]) {
    findings.fail(undefined, mismatchText(mismatch));
  }
  return {
    type: snpVerifier.resultType,
    summary: findings.toResult(),
    freshness,
    signature: { signatureVerification, certChainValidation },
    artifacts,
    snpResult: {
      ...versions.result,
      policyCheck: guest.result,
      extensionsCheck: appraisal.extensions.map(extensionResult),
    },
  };
}

type Attempt<T> = { readonly value: T } | { readonly fault: Result };

function attempt<T>(code: ErrorCode, read: () => T): Attempt<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { fault: failed(code, error.message) };
  }
}

// The host may have put the certificates behind the report; those of the collateral are used.
function readEvidence(evidence: Uint8Array | null): SnpReport {
  const bytes = evidence ?? new Uint8Array();
  const report = parseSnpReport(bytes.subarray(0, SNP_REPORT_BYTES));
  if (bytes.length > SNP_REPORT_BYTES) parseSnpCertificateTable(bytes.subarray(SNP_REPORT_BYTES));
  return report;
}

function readCertificates({ certs = [] }: Collateral): [Certificate, ...Certificate[]] {
  const [leaf, ...others] = certs.slice(0, MAX_CERTIFICATES);
  if (leaf === undefined || certs.length > MAX_CERTIFICATES) {
    throw new DecodeError('ERR_DECODE_LIMIT', `expected three certificates, got ${certs.length}`, {
      path: ['certs'],
      offset: 0,
    });
  }
  return [parseSnpCertificate(leaf), ...others.map(parseSnpCertificate)];
}

function readReference(references: readonly Reference[]): Attempt<Reference> {
  const [reference, ...more] = references;
  if (reference === undefined) return { fault: failed(ErrorCode.RefValNotPresent) };
  if (more.length > 0) return { fault: failed(ErrorCode.RefValMultiple) };
  return hashOf(reference.component, 'SHA-384')?.length === MEASUREMENT_BYTES
    ? { value: reference }
    : { fault: failed(ErrorCode.RefValType, 'expected one SHA-384 hash in the SNP reference') };
}

function refused(summary: Result): MeasurementResult {
  return {
    type: snpVerifier.resultType,
    summary,
    freshness: NOT_REACHED,
    signature: { signatureVerification: NOT_REACHED, certChainValidation: NOT_REACHED },
  };
}

function checkReportData({ reportData }: SnpReport, nonce: Uint8Array): Result {
  const expected = new Uint8Array(REPORT_DATA_BYTES);
  expected.set(nonce);
  const got = toHex(reportData);
  return equalBytes(reportData, expected)
    ? { status: 'success', got }
    : { status: 'fail', got, expected: toHex(expected) };
}

function signatureResult({ algorithmProblem, keyProblem, signed }: SnpAppraisal): Result {
  if (algorithmProblem !== undefined) {
    return failed(ErrorCode.UnsupportedAlgorithm, algorithmProblem);
  }
  if (keyProblem !== undefined) return failed(ErrorCode.ExtractPubKey, keyProblem);
  return signed ? PASSED : failed(ErrorCode.VerifySignature);
}

function chainResult(
  { chain }: SnpAppraisal,
  certificates: readonly Certificate[],
  rootManifest: Manifest | undefined,
): Result {
  const findings = new Findings();
  if (chain.chainProblem !== undefined) {
    findings.fail(ErrorCode.VerifyCertChain, chain.chainProblem);
  }
  if (chain.revocationProblem !== undefined) {
    findings.fail(ErrorCode.CRLCheckRoot, chain.revocationProblem);
  }
  const root = certificates.at(-1);
  const got = root === undefined ? '' : fingerprint(root);
  const listed = rootManifest?.caFingerprints ?? [];
  if (!listed.every(isHex)) findings.fail(ErrorCode.ParseCAFingerprint);
  const match = listed.find((text) => text.toLowerCase() === got);
  if (match === undefined) {
    findings.fail(
      ErrorCode.CaFingerprint,
      `the root manifest lists ${listed.join(', ') || 'no root'}, got ${got}`,
    );
    return { ...findings.toResult(), got, expectedOneOf: listed };
  }
  if (chain.rootProblem !== undefined) findings.fail(ErrorCode.CaFingerprint, chain.rootProblem);
  return { ...findings.toResult(), got: match };
}

function isHex(text: string): boolean {
  try {
    fromHex(text);
    return true;
  } catch {
    return false;
  }
}

function compareMeasurement(
  { measurement }: SnpReport,
  { component }: Reference,
): readonly DigestResult[] {
  const expected = hashOf(component, 'SHA-384');
  const common = { index: 0, hashAlg: 'SHA-384' } as const;
  if (expected !== undefined && equalBytes(measurement, expected)) {
    const { name } = component;
    return [{ success: true, launched: true, name, digest: measurement, ...common }];
  }
  return [
    {
      success: false,
      launched: false,
      type: 'SNP',
      name: component.name,
      ...(expected === undefined ? {} : { digest: expected }),
      ...common,
    },
    {
      success: false,
      launched: true,
      type: 'Measurement',
      name: component.name,
      digest: measurement,
      ...common,
    },
  ];
}

const LABELS: ReadonlyMap<string, string> = new Map([
  ['tcb.fmc', 'OID FMC SPL: '],
  ['tcb.bl', 'OID BL SPL: '],
  ['tcb.tee', 'OID TEE SPL: '],
  ['tcb.snp', 'OID SNP SPL: '],
  ['tcb.ucode', 'OID uCode SPL: '],
  ['chipId', 'OID CHIP ID: '],
]);

function extensionResult(check: SnpComparison): Result {
  const label = LABELS.get(check.id) ?? '';
  if (check.code !== undefined) return failed(check.code, check.problem);
  if (check.pass) return { status: 'success', got: `${label}${check.certificate ?? ''}` };
  return {
    status: 'fail',
    expected: `${label}${check.report}`,
    ...(check.certificate === undefined ? {} : { got: check.certificate }),
    ...(check.problem === undefined ? {} : { details: check.problem }),
  };
}

function comparisonText({ id, certificate, report, problem }: SnpComparison): string {
  const compared = `the certificate says ${certificate ?? 'nothing'}, the report ${report}`;
  const fix = 'fetch the certificate of this chip for the reported TCB';
  return `${id}: ${problem ?? compared}; to fix it, ${fix}`;
}
