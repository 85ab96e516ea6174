import { ErrorCode } from '../error-codes.ts';
import type { MetadataResult, MetadataSummary } from '../types/result.ts';
import type { SignedMetadata } from './collect-metadata.ts';
import { checkCompatibility } from './compatibility.ts';
import { NOT_REACHED } from './findings.ts';
import {
  entryResult,
  type MetadataEntry,
  type MetadataEntryOptions,
  verifyEntry,
} from './metadata-entry.ts';
import {
  COMPANY_DESCRIPTION,
  IMAGE_DESCRIPTION,
  MANIFEST,
  OMSP_RESPONSE,
} from './metadata-types.ts';
import { checkRevocation } from './omsp.ts';
import { instantOf } from './rfc3339.ts';

export interface VerifyMetadataOptions extends MetadataEntryOptions {
  readonly checkOmsp: boolean;
  readonly requireOmsp: boolean;
}

/** Outcome for all metadata of one report. */
export interface VerifiedMetadata {
  readonly status: 'success' | 'warn' | 'fail';
  readonly summary: MetadataSummary;
  /** Manifests to rely on, the root first, each after one of its base layers. */
  readonly manifests: readonly MetadataEntry[];
  readonly rootManifest: MetadataEntry | undefined;
  readonly imageDescription: MetadataEntry | undefined;
  /** Every item to rely on. */
  readonly verified: readonly MetadataEntry[];
}

const NO_METADATA_RESULT: MetadataResult = Object.freeze({
  type: '',
  summary: NOT_REACHED,
  validityCheck: NOT_REACHED,
});

/** The summary of metadata that was not looked at. */
export const NO_METADATA_SUMMARY: MetadataSummary = Object.freeze({
  imageDescriptionResult: NO_METADATA_RESULT,
  manifestResults: null,
  compatibilityResult: { result: NOT_REACHED },
});

/** Verifies every item by itself and all of them together. */
export async function verifyMetadata(
  items: readonly SignedMetadata[],
  options: VerifyMetadataOptions,
): Promise<VerifiedMetadata> {
  const entries: MetadataEntry[] = [];
  for (const item of items) entries.push(await verifyEntry(item, options));

  const { checkOmsp, requireOmsp, now } = options;
  const [image, ...otherImages] = ofType(entries, IMAGE_DESCRIPTION);
  const [company, ...otherCompanies] = ofType(entries, COMPANY_DESCRIPTION);
  const manifests = ofType(entries, MANIFEST);
  const responses = ofType(entries, OMSP_RESPONSE);
  for (const other of [...otherImages, ...otherCompanies]) {
    other.findings.fail(ErrorCode.UnknownMetadata, `a second ${other.metadata.type}`);
  }
  refuseDuplicates(manifests, (metadata) => metadata.name, 'manifest of this name');
  refuseDuplicates(responses, (metadata) => metadata.server, 'response of this server');
  const known = new Set([image, company, ...manifests, ...responses]);
  const unknown = entries.filter((entry) => !known.has(entry));
  for (const { metadata, findings } of unknown) {
    if (!findings.failed) findings.fail(ErrorCode.UnknownMetadata, `type ${metadata.type}`);
  }
  if (checkOmsp || requireOmsp) {
    checkRevocation({ manifests, responses, now: instantOf(now), required: requireOmsp });
  }

  const { sorted, root, result } = checkCompatibility(image?.metadata, manifests);
  const withHash = checkOmsp || requireOmsp;
  const toResult = (entry: MetadataEntry): MetadataResult =>
    entryResult(entry, { withHash: false });
  const summary: MetadataSummary = {
    imageDescriptionResult: image === undefined ? NO_METADATA_RESULT : toResult(image),
    manifestResults:
      sorted.length === 0 ? null : sorted.map((entry) => entryResult(entry, { withHash })),
    ...(company === undefined ? {} : { companyDescriptionResult: toResult(company) }),
    ...(unknown.length === 0 ? {} : { unknownResults: unknown.map(toResult) }),
    compatibilityResult: result,
    ...(responses.length === 0 ? {} : { omspSignatureResults: responses.map(toResult) }),
  };
  const trusted = (entry: MetadataEntry): boolean => !entry.findings.failed;
  return {
    status: judge(entries, result.result.status),
    summary,
    manifests: sorted.filter(trusted),
    rootManifest: root !== undefined && trusted(root) ? root : undefined,
    imageDescription: image !== undefined && trusted(image) ? image : undefined,
    verified: entries.filter(trusted),
  };
}

function ofType(entries: readonly MetadataEntry[], type: string): readonly MetadataEntry[] {
  return entries.filter(({ metadata }) => metadata.type === type);
}

function refuseDuplicates(
  entries: readonly MetadataEntry[],
  nameOf: (metadata: MetadataEntry['metadata']) => string | undefined,
  what: string,
): void {
  const counts = new Map<string, number>();
  const keyOf = (entry: MetadataEntry): string => (nameOf(entry.metadata) ?? '').toLowerCase();
  for (const entry of entries) counts.set(keyOf(entry), (counts.get(keyOf(entry)) ?? 0) + 1);
  for (const entry of entries) {
    if ((counts.get(keyOf(entry)) ?? 0) > 1) {
      entry.findings.fail(ErrorCode.UnknownMetadata, `more than one ${what}`);
    }
  }
}

function judge(
  entries: readonly MetadataEntry[],
  compatibility: string,
): VerifiedMetadata['status'] {
  const statuses = entries.map(({ findings }) => findings.toResult().status);
  if (compatibility !== 'success' || statuses.includes('fail')) return 'fail';
  return statuses.includes('warn') ? 'warn' : 'success';
}
