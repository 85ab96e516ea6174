import { toHex } from '@cmc/bytes';
import type { DigestResult, MeasurementResult } from '../types/result.ts';
import { checkFindings } from './check-findings.ts';
import { type Finding, toFinding } from './finding.ts';
import { signatureFindings } from './metadata-findings.ts';
import { findNearest } from './nearest.ts';
import type { ReasonId } from './reason.ts';
import { snpFindings } from './snp-findings.ts';

/** More events of one kind are only counted: the prover decides how many there are. */
const MAX_ARTIFACTS = 1000;
/** Of the data of an event. */
const MAX_CONTENT = 120;
/** Register that the Linux kernel measures files into. */
const IMA_REGISTER = 10;

/** What is wrong with the measurement at `path`. */
export function measurementFindings(
  measurement: MeasurementResult,
  path: string,
): readonly Finding[] {
  const { type, summary, freshness, signature, artifacts = [], tpmResult } = measurement;
  const what = type.replace(/ Result$/, ' measurement');
  const kind = type.split(' ', 1)[0] ?? '';
  const place = { area: 'evidence', fallback: 'measurement-unverified' } as const;
  const saysMore = summary.details !== undefined || summary.errorCodes !== undefined;
  const told = new Set(artifacts.flatMap(({ success, index }) => (success ? [] : [index])));
  const found = [
    ...checkFindings(freshness, {
      what: `The nonce of the ${what}`,
      path: `${path}.freshness`,
      area: 'evidence',
      fallback: 'evidence-nonce-mismatch',
    }),
    ...signatureFindings(signature, {
      what: `the ${what}`,
      path: `${path}.signature`,
      area: 'evidence',
    }),
    ...(saysMore
      ? checkFindings(summary, { what: `The ${what}`, path: `${path}.summary`, ...place })
      : []),
    // When the logs are not those of the quote, what is in them says little.
    ...checkFindings(tpmResult?.aggPcrQuoteMatch, {
      what: 'The register values in the quote',
      path: `${path}.tpmResult.aggPcrQuoteMatch`,
      area: 'evidence',
      fallback: 'quote-mismatch',
    }),
    ...artifactFindings(artifacts, { what, kind, path }),
    // An unknown event is why the known ones do not give the value.
    ...(tpmResult?.pcrMatch ?? []).flatMap((register, i) =>
      told.has(register.index)
        ? []
        : registerFindings(register, `${path}.tpmResult.pcrMatch[${i}]`),
    ),
    ...snpFindings(measurement, path),
  ];
  const isExplained = found.some(({ severity }) => severity === 'error');
  return summary.status === 'fail' && !isExplained
    ? [
        ...found,
        ...checkFindings(summary, { what: `The ${what}`, path: `${path}.summary`, ...place }),
      ]
    : found;
}

interface ArtifactsPlace {
  readonly what: string;
  /** `SW`, `TPM`, `SNP`, … */
  readonly kind: string;
  readonly path: string;
}

/** What was measured and is unknown first: it often explains what is missing. */
function artifactFindings(
  artifacts: readonly DigestResult[],
  place: ArtifactsPlace,
): readonly Finding[] {
  const failed = artifacts.flatMap((artifact, i) =>
    artifact.success ? [] : [{ artifact, path: `${place.path}.artifacts[${i}]` }],
  );
  const unknown = failed.filter(({ artifact }) => artifact.launched);
  const missing = failed.filter(({ artifact }) => !artifact.launched);
  const nearest = findNearest(
    artifacts.filter(({ launched }) => !launched),
    { registers: place.kind !== 'SW' },
  );
  // The one measurement of an SNP guest is told together with what it should have been.
  const alone = place.kind === 'SNP' && unknown.length > 0;
  return [
    ...unknown
      .slice(0, MAX_ARTIFACTS)
      .map(({ artifact, path }) => unknownFinding(artifact, nearest(artifact), { ...place, path })),
    ...moreFindings(unknown, 'were measured but match no reference value', reasonOfUnknown, place),
    ...(alone
      ? []
      : [
          ...missing
            .slice(0, MAX_ARTIFACTS)
            .map(({ artifact, path }) => missingFinding(artifact, { ...place, path })),
          ...moreFindings(missing, 'are required but were not measured', reasonOfMissing, place),
        ]),
  ];
}

/** One finding for all that are too many to tell. */
function moreFindings(
  failed: readonly { readonly artifact: DigestResult }[],
  what: string,
  reasonOf: (kind: string, artifact: DigestResult) => ReasonId,
  place: ArtifactsPlace,
): readonly Finding[] {
  const [first, ...others] = failed.slice(MAX_ARTIFACTS);
  if (first === undefined) return [];
  const text = `${place.what}: ${others.length + 1} more ${what}`;
  const id = reasonOf(place.kind, first.artifact);
  return [toFinding({ id, severity: 'error', path: `${place.path}.artifacts`, text })];
}

function unknownFinding(
  artifact: DigestResult,
  nearest: DigestResult | undefined,
  { what, kind, path }: ArtifactsPlace,
): Finding {
  const { measured, description } = artifact;
  const subject = `${what}: ${artifactText(kind, artifact)}`;
  const reason = description === undefined ? '' : `: ${description}`;
  const near = nearest === undefined ? '' : `; the nearest one is ${artifactText(kind, nearest)}`;
  const wanted = nearest?.digest ?? (measured === undefined ? undefined : artifact.digest);
  const got = measured ?? (artifact.digest && toHex(artifact.digest));
  return toFinding({
    id: reasonOfUnknown(kind, artifact),
    severity: 'error',
    path,
    text:
      measured === undefined
        ? `${subject} was measured but matches no reference value${reason}${near}`
        : `${subject} was measured as ${measured}`,
    ...(wanted === undefined ? {} : { expected: toHex(wanted) }),
    ...(got === undefined ? {} : { got }),
    ...(nearest === undefined ? {} : { nearest: artifactText(kind, nearest) }),
  });
}

function missingFinding(artifact: DigestResult, { what, kind, path }: ArtifactsPlace): Finding {
  return toFinding({
    id: reasonOfMissing(kind, artifact),
    severity: 'error',
    path,
    text: `${what}: ${artifactText(kind, artifact)} is required but was not measured`,
    ...(artifact.digest === undefined ? {} : { expected: toHex(artifact.digest) }),
    got: 'nothing',
  });
}

function artifactText(kind: string, artifact: DigestResult): string {
  const { name = 'unnamed', digest, index, eventData } = artifact;
  const hash = digest === undefined ? 'without hash' : `with hash ${toHex(digest)}`;
  const content = eventData?.uefivariabledata?.unicodename ?? eventData?.stringcontent;
  const what = content === undefined ? name : `${name} "${content.slice(0, MAX_CONTENT)}"`;
  return `${what} ${hash} (${kind === 'TPM' ? 'PCR' : 'index'} ${index})`;
}

function reasonOfUnknown(kind: string, { index }: DigestResult): ReasonId {
  switch (kind) {
    case 'SW':
      return 'software-unknown';
    case 'TPM':
      return index === IMA_REGISTER ? 'ima-file-unknown' : 'boot-event-unknown';
    case 'SNP':
      return 'snp-measurement';
    default:
      return 'measurement-mismatch';
  }
}

function reasonOfMissing(kind: string, { index }: DigestResult): ReasonId {
  switch (kind) {
    case 'SW':
      return 'software-missing';
    case 'TPM':
      return index === IMA_REGISTER ? 'ima-file-missing' : 'boot-event-missing';
    case 'SNP':
      return 'snp-measurement';
    default:
      return 'measurement-mismatch';
  }
}

function registerFindings(register: DigestResult, path: string): readonly Finding[] {
  const { success, index, digest, measured } = register;
  if (success) return [];
  const expected = digest === undefined ? 'nothing' : toHex(digest);
  const got = measured ?? 'another value';
  const text = `PCR ${index}: expected ${expected}, got ${got}`;
  return [toFinding({ id: 'pcr-mismatch', severity: 'error', path, text, expected, got })];
}
