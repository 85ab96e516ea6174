import { equalBytes, toHex } from '@cmc/bytes';
import type { ImaKeyring } from '@cmc/ima';
import { digest, type HashName, parseHashName } from '../crypto/index.ts';
import { ErrorCode } from '../error-codes.ts';
import type { UnverifiedReport, VerifiedReport } from '../types/report.ts';
import type { AttestationResult, MeasurementResult, Result } from '../types/result.ts';
import { applyPolicies } from './apply-policies.ts';
import { collectMetadata } from './collect-metadata.ts';
import { imaKeyringOf } from './evidence/tpm-ima.ts';
import { Findings, NOT_REACHED } from './findings.ts';
import type { MetadataEntry } from './metadata-entry.ts';
import { requireNonce } from './nonce.ts';
import type { Verification, VerifyOptions } from './options.ts';
import { readReport } from './read-report.ts';
import { collectReferences } from './references.ts';
import { type VerifiedEvidences, verifyEvidences } from './verify-evidences.ts';
import { NO_METADATA_SUMMARY, type VerifiedMetadata, verifyMetadata } from './verify-metadata.ts';

const RESULT_VERSION = '3.4.0';
const RESULT_TYPE = 'Attestation Result';
/** Highest certification level that software alone can have. */
const MAX_LEVEL_WITHOUT_HARDWARE = 1;

/**
 * The verdict on an attestation report: bytes of JSON or CBOR, signed as a whole or not. Checks the
 * version, the signatures and validity of all metadata, the nonce, that the evidence commits to the
 * context as received, every measurement against the reference values, that no expected evidence is
 * missing, and the policies. Whatever is wrong with the report is in the result, never an exception.
 *
 * @throws {RangeError} nonce of less than 8 or more than 64 bytes, no metadata roots, invalid `now`,
 *   an element of `imaKeys` that is no key for files
 * @throws the reason of `signal` when that aborts
 */
export async function verify(report: Uint8Array, options: VerifyOptions): Promise<Verification> {
  requireNonce(options.nonce);
  if (options.metadataRoots.length === 0) {
    throw new RangeError('metadataRoots: expected at least one certificate, got none');
  }
  const now = options.now ?? new Date();
  if (Number.isNaN(now.getTime())) throw new RangeError('now: expected a time, got an invalid one');
  options.signal?.throwIfAborted();
  const { imaKeys } = options;
  const appraisal: Appraisal = {
    now,
    ...(imaKeys === undefined ? {} : { imaKeyring: imaKeyringOf(imaKeys) }),
    findings: new Findings(),
    freshness: NOT_REACHED,
    certLevel: 0,
    measurements: [],
    clocks: [],
  };
  return conclude(appraisal, options, await judge(report, options, appraisal));
}

/** What is known about one report so far. */
interface Appraisal {
  readonly now: Date;
  readonly imaKeyring?: ImaKeyring;
  readonly findings: Findings;
  report?: UnverifiedReport;
  freshness: Result;
  certLevel: number;
  measurements: readonly MeasurementResult[];
  clocks: VerifiedEvidences['clocks'];
  metadata?: VerifiedMetadata;
}

/** The summary of the appraisal; a failure of the verifier itself is a failed verification. */
async function judge(
  report: Uint8Array,
  options: VerifyOptions,
  appraisal: Appraisal,
): Promise<Result> {
  const { findings } = appraisal;
  try {
    await appraise(report, options, appraisal);
    if (appraisal.report === undefined) return findings.toResult();
    const soFar = (): AttestationResult => toResult(appraisal, options, findings.toResult());
    const summary = await applyPolicies(options, findings, soFar);
    if (!findings.failed) {
      await rememberVersions(appraisal.metadata?.verified ?? [], options);
      for (const { key, value } of appraisal.clocks) await options.tpmClocks?.remember(key, value);
    }
    return summary;
  } catch (error) {
    options.signal?.throwIfAborted();
    const details = error instanceof Error ? error.message : String(error);
    findings.fail(ErrorCode.Internal, `the verifier failed: ${details}`);
    return findings.toResult();
  }
}

async function appraise(
  bytes: Uint8Array,
  options: VerifyOptions,
  appraisal: Appraisal,
): Promise<void> {
  const { findings, now } = appraisal;
  const readable = await readReport(bytes, options, now, findings);
  if (readable === undefined) return;
  const { report, encodedContext } = readable;
  appraisal.report = report;
  appraisal.freshness = checkNonce(report.context.nonce, options.nonce);
  const alg = contextHash(report.context.alg);
  if (alg === undefined) {
    const details = `expected SHA-256, SHA-384 or SHA-512, got ${JSON.stringify(report.context.alg)}`;
    findings.fail(ErrorCode.UnsupportedContextHashAlg, details);
    return;
  }

  const metadata = await appraiseMetadata(report, alg, options, appraisal);
  appraisal.metadata = metadata;
  if (appraisal.freshness.status === 'fail') findings.fail(ErrorCode.Freshness);

  const descriptions = metadata.imageDescription?.metadata.descriptions ?? [];
  const references = collectReferences(metadata.manifests, descriptions);
  for (const fault of references.faults) findings.fail(ErrorCode.RefValTypeNotSupported, fault);
  const { measurements, hardware, clocks } = await verifyEvidences(
    {
      report,
      references: references.byAnchor,
      evidenceNonce: digest(alg, encodedContext),
      rootManifest: metadata.rootManifest?.metadata,
      roots: options.metadataRoots,
      now,
      ...(options.snpRoots === undefined ? {} : { snpRoots: options.snpRoots }),
      ...(options.snpRevocationLists === undefined
        ? {}
        : { snpRevocationLists: options.snpRevocationLists }),
      ...(options.tpmClocks === undefined ? {} : { tpmClocks: options.tpmClocks }),
      ...(options.tpmAllowTlsKeys === undefined
        ? {}
        : { tpmAllowTlsKeys: options.tpmAllowTlsKeys }),
      ...(options.tpmAllowUncheckedBootAggregate === undefined
        ? {}
        : { tpmAllowUncheckedBootAggregate: options.tpmAllowUncheckedBootAggregate }),
      ...(appraisal.imaKeyring === undefined ? {} : { imaKeyring: appraisal.imaKeyring }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
    findings,
  );
  appraisal.measurements = measurements;
  appraisal.clocks = clocks;
  appraisal.certLevel = certificationLevel(metadata.manifests, hardware, findings);
}

async function appraiseMetadata(
  report: UnverifiedReport,
  alg: HashName,
  options: VerifyOptions,
  { now, findings }: Appraisal,
): Promise<VerifiedMetadata> {
  const { metadataRoots, minimumMetadataSigners, metadataVersions, cachedMetadata, signal } =
    options;
  const collected = collectMetadata(report.context, alg, cachedMetadata);
  for (const fault of collected.faults) findings.fail(ErrorCode.VerifyMetadata, fault);
  const metadata = await verifyMetadata(collected.items, {
    alg,
    trust: {
      roots: metadataRoots,
      ...(minimumMetadataSigners === undefined ? {} : { minimumSigners: minimumMetadataSigners }),
    },
    now,
    ...(metadataVersions === undefined ? {} : { versions: metadataVersions }),
    checkOmsp: options.checkOmsp ?? false,
    requireOmsp: options.requireOmsp ?? false,
    ...(signal === undefined ? {} : { signal }),
  });
  if (metadata.status === 'fail') findings.fail(ErrorCode.VerifyMetadata);
  if (metadata.status === 'warn') findings.warn(ErrorCode.VerifyMetadata);
  return metadata;
}

function checkNonce(received: Uint8Array | null, nonce: Uint8Array): Result {
  const fresh = received !== null && equalBytes(received, nonce);
  return {
    status: fresh ? 'success' : 'fail',
    got: toHex(received ?? new Uint8Array()),
    expected: toHex(nonce),
  };
}

/** The prover chooses the algorithm, the verifier which are good enough. */
function contextHash(name: string): HashName | undefined {
  const alg = parseHashName(name);
  return alg === 'SHA-1' ? undefined : alg;
}

/** The lowest level of all manifests, as far as the evidence supports it. */
function certificationLevel(
  manifests: readonly MetadataEntry[],
  hardware: boolean,
  findings: Findings,
): number {
  if (manifests.length === 0) return 0;
  const level = Math.min(...manifests.map(({ metadata }) => metadata.certLevel ?? 0));
  if (hardware || level <= MAX_LEVEL_WITHOUT_HARDWARE) return level;
  const details = `certification level ${level} requires hardware evidence that was verified`;
  findings.fail(ErrorCode.InvalidCertLevel, details);
  return MAX_LEVEL_WITHOUT_HARDWARE;
}

async function rememberVersions(
  entries: readonly MetadataEntry[],
  { metadataVersions }: VerifyOptions,
): Promise<void> {
  if (metadataVersions === undefined) return;
  for (const { metadata } of entries) {
    const { type, name = '', version } = metadata;
    if (version !== undefined) await metadataVersions.remember(type, name, version);
  }
}

function conclude(appraisal: Appraisal, options: VerifyOptions, summary: Result): Verification {
  const { report, metadata } = appraisal;
  const verified = (metadata?.verified ?? []).map(
    ({ digest: key, bytes }) => [key, bytes] as const,
  );
  const ok = report !== undefined && (summary.status === 'success' || summary.status === 'warn');
  return {
    ok,
    result: toResult(appraisal, options, summary),
    ...(ok ? { report: report as VerifiedReport } : {}),
    metadata: new Map(verified),
  };
}

function toResult(
  appraisal: Appraisal,
  options: VerifyOptions,
  summary: Result,
): AttestationResult {
  const { report } = appraisal;
  const { id: peerId, address: ip } = options.peer ?? {};
  return {
    version: RESULT_VERSION,
    type: RESULT_TYPE,
    summary,
    prover: {
      ...(report === undefined ? {} : { hostname: report.name || 'unknown' }),
      ...(ip ? { ip } : {}),
      ...(peerId ? { peerId } : {}),
    },
    verifier: {},
    created: appraisal.now.toISOString(),
    freshness: appraisal.freshness,
    certLevel: appraisal.certLevel,
    measurements: appraisal.measurements,
    metadata: appraisal.metadata?.summary ?? NO_METADATA_SUMMARY,
  };
}
