import type { WaitOptions } from '../contract.ts';
import { ErrorCode } from '../error-codes.ts';
import type { CompatibilityResult, MetadataResult, MetadataSummary } from '../types/result.ts';
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
  const { checkOmsp, requireOmsp, now } = options;
  const entries = await verifyEntries(items, options);
  const kinds = classify(entries);
  if (checkOmsp || requireOmsp) {
    checkRevocation({ ...kinds, now: instantOf(now), required: requireOmsp });
  }
  const verified = entries.filter(isTrusted);
  const imageDescription = verified.find((entry) => entry === kinds.image);
  const { sorted, root, result } = checkCompatibility(
    imageDescription?.metadata,
    kinds.manifests.filter(isTrusted),
  );
  return {
    status: judge(entries, result.result.status),
    summary: summarize(kinds, {
      manifests: [...sorted, ...kinds.manifests.filter((manifest) => !isTrusted(manifest))],
      // What nobody vouches for is not compared with anything.
      compatibility: verified.length === entries.length ? result : { result: NOT_REACHED },
      withHash: checkOmsp || requireOmsp,
    }),
    manifests: sorted,
    rootManifest: root,
    imageDescription,
    verified,
  };
}

function isTrusted({ findings }: MetadataEntry): boolean {
  return !findings.failed;
}

/** Verifies items one by one; whoever sends many bad ones gets no further work out of us. */
async function verifyEntries(
  items: readonly SignedMetadata[],
  options: VerifyMetadataOptions,
): Promise<readonly MetadataEntry[]> {
  const entries: MetadataEntry[] = [];
  const entryOptions = { ...options, instant: instantOf(options.now) };
  let failures = 0;
  for (const item of items) {
    options.signal?.throwIfAborted();
    const entry = await verifyEntry(item, entryOptions);
    entries.push(entry);
    if (entry.findings.failed && ++failures === MAX_FAILED_ITEMS) break;
  }
  return entries;
}

interface Kinds {
  readonly image: MetadataEntry | undefined;
  readonly company: MetadataEntry | undefined;
  readonly manifests: readonly MetadataEntry[];
  readonly responses: readonly MetadataEntry[];
  readonly unknown: readonly MetadataEntry[];
}

/** Sorts items by type and refuses those of which there is one too many. */
function classify(entries: readonly MetadataEntry[]): Kinds {
  const ofType = (type: string): readonly MetadataEntry[] =>
    entries.filter(({ metadata }) => metadata.type === type);
  const [image] = ofType(IMAGE_DESCRIPTION);
  const [company] = ofType(COMPANY_DESCRIPTION);
  const manifests = ofType(MANIFEST);
  const responses = ofType(OMSP_RESPONSE);
  refuseDuplicates(manifests, (metadata) => metadata.name, 'manifest of this name');
  refuseDuplicates(responses, (metadata) => metadata.server, 'response of this server');
  const known = new Set([image, company, ...manifests, ...responses]);
  const unknown = entries.filter((entry) => !known.has(entry));
  for (const { metadata, findings } of unknown.filter(isTrusted)) {
    const single = [IMAGE_DESCRIPTION, COMPANY_DESCRIPTION].includes(metadata.type);
    const details = `${single ? 'a second' : 'unknown type'} ${metadata.type}`.trim();
    findings.fail(ErrorCode.UnknownMetadata, details);
  }
  return { image, company, manifests, responses, unknown };
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

function summarize(
  { image, company, responses, unknown }: Kinds,
  options: {
    readonly manifests: readonly MetadataEntry[];
    readonly compatibility: CompatibilityResult;
    readonly withHash: boolean;
  },
): MetadataSummary {
  const { manifests, compatibility, withHash } = options;
  const plain = (entry: MetadataEntry): MetadataResult => entryResult(entry, { withHash: false });
  const manifestResults = manifests.map((entry) => entryResult(entry, { withHash }));
  return {
    imageDescriptionResult: image === undefined ? NO_METADATA_RESULT : plain(image),
    manifestResults: manifestResults.length === 0 ? null : manifestResults,
    ...(company === undefined ? {} : { companyDescriptionResult: plain(company) }),
    ...(unknown.length === 0 ? {} : { unknownResults: unknown.map(plain) }),
    compatibilityResult: compatibility,
    ...(responses.length === 0 ? {} : { omspSignatureResults: responses.map(plain) }),
  };
}

function judge(
  entries: readonly MetadataEntry[],
  compatibility: string,
): VerifiedMetadata['status'] {
  const statuses = entries.map(({ findings }) => findings.toResult().status);
  if (compatibility !== 'success' || statuses.includes('fail')) return 'fail';
  return statuses.includes('warn') ? 'warn' : 'success';
}
