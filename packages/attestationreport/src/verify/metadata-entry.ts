import { ErrorCode } from '../error-codes.ts';
import type { Metadata } from '../types/metadata.ts';
import type { MetadataResult, Result } from '../types/result.ts';
import type { SignedMetadata } from './collect-metadata.ts';
import { Findings, NOT_REACHED } from './findings.ts';
import { type MetadataItem, type MetadataTrust, verifyMetadataItem } from './metadata-item.ts';
import { OMSP_RESPONSE } from './metadata-types.ts';
import { type Instant, parseRfc3339 } from './rfc3339.ts';
import { checkPeriod, checkValidity, notATime } from './validity.ts';
import type { MetadataVersionStore } from './version-store.ts';

/** Oldest revocation status that counts, in hours since it was produced. */
export const OMSP_MAX_AGE_HOURS = 168;
const NANOSECONDS_PER_HOUR = 3_600_000_000_000n;

/** What a revocation check adds to the result of a manifest. */
export type Revocation = Pick<
  MetadataResult,
  'omspValidity' | 'omspStatus' | 'revocationTime' | 'revocationReason'
>;

/** One metadata item of a report while it is judged. */
export interface MetadataEntry extends SignedMetadata {
  readonly metadata: Metadata;
  readonly signatures: MetadataItem['signatures'];
  readonly validityCheck: Result;
  readonly findings: Findings;
  revocation: Revocation;
}

export interface MetadataEntryOptions {
  readonly alg: string;
  readonly trust: MetadataTrust;
  readonly now: Date;
  readonly versions?: MetadataVersionStore;
}

/** Verifies one item by itself: signatures, validity, and that it is not an older version. */
export async function verifyEntry(
  signed: SignedMetadata,
  options: MetadataEntryOptions & { /** `now` once more. */ readonly instant: Instant },
): Promise<MetadataEntry> {
  const { alg, trust, now, instant, versions } = options;
  const { metadata, signatures, faults } = await verifyMetadataItem(signed.bytes, {
    digest: `${alg}:${signed.digest}`,
    trust,
    now,
  });
  const findings = new Findings();
  for (const { code, details } of faults) findings.fail(code, details);
  const validityCheck = checkTime(metadata, instant, findings);
  if (versions !== undefined && metadata.type !== OMSP_RESPONSE) {
    checkRollback(metadata, versions, findings);
  }
  return { ...signed, metadata, signatures, validityCheck, findings, revocation: {} };
}

/** The entry as the attestation result shows it. */
export function entryResult(entry: MetadataEntry, options: { withHash: boolean }): MetadataResult {
  return {
    ...entry.metadata,
    summary: entry.findings.toResult(),
    validityCheck: entry.validityCheck,
    ...(entry.signatures.length === 0 ? {} : { signatureValidation: entry.signatures }),
    ...(options.withHash ? { manifestHash: entry.digest } : {}),
    ...entry.revocation,
  };
}

function checkTime(metadata: Metadata, now: Instant, findings: Findings): Result {
  const check = metadata.type === OMSP_RESPONSE ? checkProducedAt(metadata, now) : period();
  if (check.status === 'fail') findings.fail(undefined);
  return check;

  function period(): Result {
    if (metadata.validity !== undefined) return checkValidity(metadata.validity, now);
    findings.fail(ErrorCode.NotPresent, 'the validity is missing');
    return NOT_REACHED;
  }
}

function checkProducedAt(metadata: Metadata, now: Instant): Result {
  const producedAt = parseRfc3339(metadata.producedAt ?? '');
  if (producedAt === undefined) return notATime('producedAt', metadata.producedAt ?? '');
  const maxAge = BigInt(OMSP_MAX_AGE_HOURS) * NANOSECONDS_PER_HOUR;
  const tooOld = now.nanoseconds - producedAt.nanoseconds > maxAge;
  const check = checkPeriod({ notBefore: producedAt, now });
  if (!tooOld || check.status === 'fail') return check;
  return {
    status: 'fail',
    errorCodes: [ErrorCode.Expired],
    got: now.text,
    expectedBetween: [producedAt.text, '-'],
    details: `produced more than ${OMSP_MAX_AGE_HOURS} hours ago, at ${producedAt.text}`,
  };
}

function checkRollback(
  metadata: Metadata,
  versions: MetadataVersionStore,
  findings: Findings,
): void {
  const { type, name = '', version = '' } = metadata;
  const offered = parseRfc3339(version);
  if (offered === undefined) {
    const { details = '' } = notATime('version', version);
    findings.fail(ErrorCode.ParseTime, details);
    return;
  }
  const seen = versions.lastSeen(type, name);
  const newest = seen === undefined ? undefined : parseRfc3339(seen);
  if (seen !== undefined && newest === undefined) {
    throw new RangeError(`MetadataVersionStore: expected an RFC 3339 time, got ${seen}`);
  }
  if (newest !== undefined && offered.nanoseconds < newest.nanoseconds) {
    findings.fail(
      ErrorCode.ManifestOutdated,
      `version ${version} is older than version ${seen}, which was accepted before`,
    );
  }
}
