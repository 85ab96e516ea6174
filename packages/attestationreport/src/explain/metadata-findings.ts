import type { MetadataResult, MetadataSummary, Result, SignatureResult } from '../types/result.ts';
import { COMPANY_DESCRIPTION, IMAGE_DESCRIPTION } from '../verify/metadata-types.ts';
import { type CheckPlace, checkFindings } from './check-findings.ts';
import type { Area } from './code-reasons.ts';
import type { Finding } from './finding.ts';

/** A metadata item of a result and where it stands there. */
export interface PlacedItem {
  readonly item: MetadataResult;
  readonly path: string;
  readonly area: Area;
}

/** All metadata items of a result. */
export function placedItems(metadata: MetadataSummary): readonly PlacedItem[] {
  const single = (item: MetadataResult | undefined, name: string): readonly PlacedItem[] =>
    item === undefined ? [] : [{ item, path: `metadata.${name}`, area: 'metadata' }];
  const list = (
    items: readonly MetadataResult[] | null | undefined,
    name: string,
    areaOf: (item: MetadataResult) => Area,
  ): readonly PlacedItem[] =>
    (items ?? []).map((item, i) => ({ item, path: `metadata.${name}[${i}]`, area: areaOf(item) }));
  return [
    ...single(metadata.imageDescriptionResult, 'imageDescriptionResult'),
    ...single(metadata.companyDescriptionResult, 'companyDescriptionResult'),
    ...list(metadata.manifestResults, 'manifestResults', () => 'metadata'),
    ...list(metadata.omspSignatureResults, 'omspSignatureResults', () => 'revocation'),
    ...list(metadata.unknownResults, 'unknownResults', areaOfUnknown),
  ];
}

// A second description is unknown only in that there may be one.
function areaOfUnknown({ type }: MetadataResult): Area {
  const known = type === IMAGE_DESCRIPTION || type === COMPANY_DESCRIPTION;
  return known ? 'metadata' : 'unknown metadata';
}

/** What is wrong with the metadata of a report, each item by itself and all together. */
export function metadataFindings(metadata: MetadataSummary): readonly Finding[] {
  return [...placedItems(metadata).flatMap(itemFindings), ...compatibilityFindings(metadata)];
}

/** What is wrong with one signature and its certificates. */
export function signatureFindings(
  signature: SignatureResult,
  { what, path, area }: Omit<CheckPlace, 'fallback'>,
): readonly Finding[] {
  const evidence = area === 'evidence';
  return [
    ...checkFindings(signature.signatureVerification, {
      what: `The signature of ${what}`,
      path: `${path}.signatureVerification`,
      area,
      fallback: evidence ? 'evidence-signature' : 'signature-invalid',
    }),
    ...checkFindings(signature.certChainValidation, {
      what: `The signer's certificates of ${what}`,
      path: `${path}.certChainValidation`,
      area,
      fallback: evidence ? 'evidence-chain' : 'signer-untrusted',
    }),
  ];
}

function itemFindings({ item, path, area }: PlacedItem): readonly Finding[] {
  const title = item.type === '' ? 'A metadata item' : `${item.type} ${item.name ?? ''}`.trim();
  const ofRevocation = { area: 'revocation', fallback: 'revocation-unknown' } as const;
  return [
    ...(item.signatureValidation ?? []).flatMap((signature, i) =>
      signatureFindings(signature, {
        what: title,
        path: `${path}.signatureValidation[${i}]`,
        area,
      }),
    ),
    ...checkFindings(withoutRepetition(item), {
      what: title,
      path: `${path}.summary`,
      area,
      fallback: 'metadata-unreadable',
    }),
    ...checkFindings(item.validityCheck, {
      what: `The validity of ${title}`,
      path: `${path}.validityCheck`,
      area,
      fallback: 'metadata-expired',
    }),
    ...checkFindings(item.omspStatus, {
      what: `The revocation status of ${title}`,
      path: `${path}.omspStatus`,
      ...ofRevocation,
    }),
    ...checkFindings(item.omspValidity, {
      what: `The validity of the revocation status of ${title}`,
      path: `${path}.omspValidity`,
      ...ofRevocation,
    }),
  ];
}

/** A summary that only repeats that something below it failed says nothing of its own. */
function withoutRepetition({ summary }: MetadataResult): Result | undefined {
  return summary.errorCodes === undefined && summary.details === undefined ? undefined : summary;
}

function compatibilityFindings({ compatibilityResult }: MetadataSummary): readonly Finding[] {
  const { result, descriptionMatch, manifestMatch, manifestCompatibility } = compatibilityResult;
  const path = 'metadata.compatibilityResult';
  const each = (
    checks: readonly Result[] | undefined,
    member: string,
    place: (check: Result) => Pick<CheckPlace, 'what' | 'fallback'>,
  ): readonly Finding[] =>
    (checks ?? []).flatMap((check, i) =>
      checkFindings(check, { ...place(check), path: `${path}.${member}[${i}]`, area: 'metadata' }),
    );
  return [
    ...(result.errorCodes === undefined && result.details === undefined
      ? []
      : checkFindings(result, {
          what: 'The metadata as a whole',
          path: `${path}.result`,
          area: 'metadata',
          fallback: 'manifest-missing',
        })),
    ...each(descriptionMatch?.map(missing), 'descriptionMatch', ({ details }) => ({
      what: 'The image description',
      // Only a check of the rules has details of its own.
      fallback: details?.startsWith(NAMES) ? 'manifest-missing' : 'metadata-duplicate',
    })),
    ...each(manifestMatch?.map(notNamed), 'manifestMatch', () => ({
      what: 'The image description',
      fallback: 'manifest-not-described',
    })),
    ...each(manifestCompatibility?.map(onlyFailure), 'manifestCompatibility', ({ got = '' }) => ({
      what: `The base layers of manifest ${got}`,
      fallback: 'base-layer-mismatch',
    })),
  ];
}

const NAMES = 'it names manifest ';

function missing(check: Result): Result {
  if (check.status !== 'fail' || check.details !== undefined) return check;
  const { got = '', expectedOneOf = [] } = check;
  // The order of manifests is that of their digests.
  const others = expectedOneOf.toSorted().join(', ') || 'none';
  return { ...check, details: `${NAMES}${got}, but the manifests of the report are: ${others}` };
}

function notNamed(check: Result): Result {
  if (check.status !== 'fail') return check;
  const { got = '', expectedOneOf = [] } = check;
  const named = expectedOneOf.toSorted().join(', ') || 'none';
  return { ...check, details: `it does not name manifest ${got}; it names: ${named}` };
}

function onlyFailure(check: Result): Result {
  const layers = check.expectedOneOf?.join(', ') || 'none';
  const { got = '' } = check;
  return check.status === 'fail'
    ? {
        status: 'fail',
        got,
        details: `expected one that builds on the root manifest, got ${layers}`,
      }
    : { status: check.status };
}
