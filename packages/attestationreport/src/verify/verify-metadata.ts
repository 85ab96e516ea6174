import type { WaitOptions } from '../contract.ts';
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

/** So many metadata items that do not verify are looked at; the rest is not. */
export const MAX_FAILED_ITEMS = 8;

export interface VerifyMetadataOptions extends MetadataEntryOptions, WaitOptions {
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
  const entries = await verifyEntries(items, options);
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

  const trusted = (entry: MetadataEntry): boolean => !entry.findings.failed;
  const trustedManifests = manifests.filter(trusted);
  const trustedImage = image !== undefined && trusted(image) ? image : undefined;
  const { sorted, root, result } = checkCompatibility(trustedImage?.metadata, trustedManifests);
  const allTrusted = entries.every(trusted);
  const withHash = checkOmsp || requireOmsp;
  const toResult = (entry: MetadataEntry): MetadataResult =>
    entryResult(entry, { withHash: false });
  const allManifests = [...sorted, ...manifests.filter((manifest) => !trusted(manifest))];
  const summary: MetadataSummary = {
    imageDescriptionResult: image === undefined ? NO_METADATA_RESULT : toResult(image),
    manifestResults:
      allManifests.length === 0
        ? null
        : allManifests.map((entry) => entryResult(entry, { withHash })),
    ...(company === undefined ? {} : { companyDescriptionResult: toResult(company) }),
    ...(unknown.length === 0 ? {} : { unknownResults: unknown.map(toResult) }),
    // What nobody vouches for is not compared with anything.
    compatibilityResult: allTrusted ? result : { result: NOT_REACHED },
    ...(responses.length === 0 ? {} : { omspSignatureResults: responses.map(toResult) }),
  };
  return {
    status: judge(entries, result.result.status),
    summary,
    manifests: sorted,
    rootManifest: root,
    imageDescription: trustedImage,
    verified: entries.filter(trusted),
  };
}

/** Verifies items one by one; whoever sends many bad ones gets no further work out of us. */
async function verifyEntries(
  items: readonly SignedMetadata[],
  options: VerifyMetadataOptions,
): Promise<readonly MetadataEntry[]> {
  const entries: MetadataEntry[] = [];
  let failures = 0;
  for (const item of items) {
    options.signal?.throwIfAborted();
    const entry = await verifyEntry(item, options);
    entries.push(entry);
    if (entry.findings.failed && ++failures === MAX_FAILED_ITEMS) break;
  }
  return entries;
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
