import { CmcError } from '@cmc/bytes';
import { decodeReport } from '../codec/index.ts';
import { ErrorCode } from '../error-codes.ts';
import { extractPayload, isSignedReport, verifySigned } from '../sign/index.ts';
import type { UnverifiedReport } from '../types/report.ts';
import type { Findings } from './findings.ts';
import type { VerifyOptions } from './options.ts';

/** Version of the report format, which must match. */
export const REPORT_VERSION = '3.3.0';

/** A report that can be looked at further. */
export interface ReadableReport {
  readonly report: UnverifiedReport;
  /** The context as received: the bytes that are hashed. */
  readonly encodedContext: Uint8Array;
}

/**
 * Decodes a report, which may be signed as a whole. `undefined` when nothing more can be said about
 * the bytes than what is in `findings`.
 */
export async function readReport(
  bytes: Uint8Array,
  options: VerifyOptions,
  now: Date,
  findings: Findings,
): Promise<ReadableReport | undefined> {
  try {
    const payload = await unwrap(bytes, options, now, findings);
    const { report, encodedContext } = decodeReport(payload);
    if (report.version.toLowerCase() !== REPORT_VERSION) {
      const details = `expected version ${REPORT_VERSION}, got ${report.version}`;
      findings.fail(ErrorCode.InvalidVersion, details);
      return undefined;
    }
    checkType('report', report.type, 'Attestation Report', findings);
    checkType('context', report.context.type, 'Context', findings);
    return { report, encodedContext };
  } catch (error) {
    if (!(error instanceof CmcError)) throw error;
    findings.fail(ErrorCode.UnknownSerialization, error.message);
    return undefined;
  }
}

async function unwrap(
  bytes: Uint8Array,
  options: VerifyOptions,
  now: Date,
  findings: Findings,
): Promise<Uint8Array> {
  if (!isSignedReport(bytes)) {
    if (options.requireReportSignature === true) {
      findings.fail(ErrorCode.VerifyAR, 'the report is not signed as a whole');
    }
    return bytes;
  }
  const roots = options.reportRoots ?? options.metadataRoots;
  const signed = await verifySigned(bytes, { trust: { roots }, now, purpose: 'report' });
  if (!signed.ok) findings.fail(ErrorCode.VerifyAR, signed.details);
  return signed.payload ?? extractPayload(bytes).payload;
}

function checkType(what: string, got: string, expected: string, findings: Findings): void {
  if (got !== expected) {
    findings.fail(ErrorCode.ParseAR, `${what}: expected type ${expected}, got ${got}`);
  }
}
