import { toHex } from '@cmc/bytes';
import { ErrorCode, errorCodeText } from './error-codes.ts';
import type {
  AttestationResult,
  DigestResult,
  MeasurementResult,
  MetadataResult,
  MetadataSummary,
  Result,
  SignatureResult,
} from './types/result.ts';

const MAX_SENTENCES = 100;
const MAX_SENTENCE_LENGTH = 1000;

/**
 * The verdict in sentences for people: the first says whether the report is accepted, the others
 * what is wrong, in the order in which it was found, or what to know. Safe to print: control
 * characters of names and texts, which may come from the prover, are replaced.
 */
export function explain(result: AttestationResult): readonly string[] {
  const sentences = [
    verdict(result),
    ...explainSummary(result.summary, (code) => FIRST.has(code)),
    ...explainMetadata(result.metadata),
    ...explainCheck('The nonce of the report', result.freshness),
    ...(result.measurements ?? []).flatMap(explainMeasurement),
    ...explainSummary(result.summary, (code) => !FIRST.has(code)),
  ].map(printable);
  if (sentences.length <= MAX_SENTENCES) return sentences;
  const more = sentences.length - MAX_SENTENCES + 1;
  return [...sentences.slice(0, MAX_SENTENCES - 1), `${more} more sentences are left out.`];
}

/** Codes of what is found before the single metadata items and measurements are looked at. */
const FIRST: ReadonlySet<number> = new Set([
  ErrorCode.UnknownSerialization,
  ErrorCode.InvalidVersion,
  ErrorCode.ParseAR,
  ErrorCode.VerifyAR,
  ErrorCode.UnsupportedContextHashAlg,
  ErrorCode.VerifyMetadata,
]);
/** Codes that, without a text of their own, only sum up what the parts of the result tell. */
const SUMMING_UP: ReadonlySet<number> = new Set([
  ErrorCode.VerifyMetadata,
  ErrorCode.VerifyMeasurement,
  ErrorCode.Freshness,
]);

function verdict(result: AttestationResult): string {
  const { hostname } = result.prover;
  const report = hostname === undefined ? 'The report' : `The report of ${hostname}`;
  switch (result.summary.status) {
    case 'success':
      return `${report} is accepted at certification level ${result.certLevel}.`;
    case 'warn':
      return `${report} is accepted with a warning at certification level ${result.certLevel}.`;
    default:
      return `${report} is refused.`;
  }
}

interface Reason {
  readonly code?: number;
  readonly text: string;
}

/** `details` has one line per code, preceded by notes; other verifiers keep the last text only. */
function reasonsOf({ errorCodes: codes = [], details }: Result): readonly Reason[] {
  const lines = details?.split('\n') ?? [];
  const notes = lines.length - codes.length;
  if (notes >= 0) {
    return lines.map((text, i) => (i < notes ? { text } : { code: codes[i - notes] ?? 0, text }));
  }
  const last = lines.length === 0 ? '' : `: ${lines.join(' ')}`;
  return codes.map((code, i) => ({
    code,
    text: `${errorCodeText(code)}${i === codes.length - 1 ? last : ''}`,
  }));
}

function explainSummary(summary: Result, isWanted: (code: number) => boolean): readonly string[] {
  return reasonsOf(summary)
    .filter(({ code = 0 }) => isWanted(code))
    .filter(({ code = 0, text }) => !(SUMMING_UP.has(code) && text === errorCodeText(code)))
    .map(({ code, text }) => sentence(text, code === undefined ? [] : [code]));
}

/** What is wrong with one check, in one sentence; none when it passed without a note. */
function explainCheck(what: string, check: Result | undefined): readonly string[] {
  if (check === undefined) return [];
  const reasons = reasonsOf(check);
  if (check.status !== 'fail' && check.status !== 'warn' && reasons.length === 0) return [];
  const texts = reasons.map(({ text }) => text);
  if (check.details === undefined) texts.push(...comparison(check));
  const text = texts.length === 0 ? 'the check failed' : texts.join('; ');
  return [sentence(`${what}: ${text}`, check.errorCodes ?? [])];
}

function comparison(check: Result): readonly string[] {
  const { got, expected, expectedOneOf, expectedBetween } = check;
  const [from, to] = expectedBetween ?? [];
  const wanted =
    expected ??
    (expectedOneOf && `one of ${expectedOneOf.join(', ') || 'nothing'}`) ??
    (from && `between ${from} and ${to}`);
  if (wanted === undefined && got === undefined) return [];
  return [wanted === undefined ? `got ${got}` : `expected ${wanted}, got ${got || 'nothing'}`];
}

function explainMetadata(metadata: MetadataSummary): readonly string[] {
  const { compatibilityResult: compatibility } = metadata;
  const items = [
    metadata.imageDescriptionResult,
    ...(metadata.companyDescriptionResult === undefined ? [] : [metadata.companyDescriptionResult]),
    ...(metadata.manifestResults ?? []),
    ...(metadata.omspSignatureResults ?? []),
    ...(metadata.unknownResults ?? []),
  ];
  return [
    ...items.flatMap(explainItem),
    ...explainCheck('The metadata as a whole', compatibility.result),
    ...(compatibility.descriptionMatch ?? []).flatMap((check) =>
      explainCheck('A manifest that the image description names', check),
    ),
    ...(compatibility.manifestMatch ?? []).flatMap((check) =>
      explainCheck('A manifest that the image description does not name', check),
    ),
    ...(compatibility.manifestCompatibility ?? []).flatMap((check) =>
      explainCheck(`The base layers of manifest ${check.got ?? ''}`, onlyFailure(check)),
    ),
  ];
}

function onlyFailure(check: Result): Result {
  const layers = check.expectedOneOf?.join(', ') || 'none';
  return check.status === 'fail'
    ? { status: 'fail', details: `expected one that builds on the root manifest, got ${layers}` }
    : { status: check.status };
}

function explainItem(item: MetadataResult): readonly string[] {
  const title = item.type === '' ? 'A metadata item' : `${item.type} ${item.name ?? ''}`.trim();
  return [
    ...(item.signatureValidation ?? []).flatMap((signature) => explainSignature(title, signature)),
    ...explainCheck(title, withoutDuplicates(item)),
    ...explainCheck(`The validity of ${title}`, item.validityCheck),
    ...explainCheck(`The revocation status of ${title}`, item.omspStatus),
    ...explainCheck(`The validity of the revocation status of ${title}`, item.omspValidity),
  ];
}

/** A summary that only repeats that something below it failed says nothing of its own. */
function withoutDuplicates({ summary }: MetadataResult): Result {
  return summary.errorCodes === undefined && summary.details === undefined
    ? { status: '' }
    : summary;
}

function explainSignature(what: string, signature: SignatureResult): readonly string[] {
  return [
    ...explainCheck(`The signature of ${what}`, signature.signatureVerification),
    ...explainCheck(`The signer's certificates of ${what}`, signature.certChainValidation),
  ];
}

function explainMeasurement(measurement: MeasurementResult): readonly string[] {
  const { type, summary, freshness, signature, artifacts = [], tpmResult } = measurement;
  const what = type.replace(/ Result$/, ' measurement');
  return [
    ...explainCheck(`The nonce of the ${what}`, freshness),
    ...explainSignature(`the ${what}`, signature),
    ...explainFindings(`The ${what}`, summary, measurement.snpResult !== undefined),
    ...artifacts.flatMap((artifact) => explainArtifact(what, artifact)),
    ...(tpmResult?.pcrMatch ?? []).flatMap(explainRegister),
    ...explainCheck('The register values in the quote', tpmResult?.aggPcrQuoteMatch),
  ];
}

/** In SNP results each line of the details is a sentence: a field, both values and what to do. */
function explainFindings(what: string, summary: Result, separately: boolean): readonly string[] {
  if (summary.details === undefined && summary.errorCodes === undefined) return [];
  if (!separately) return explainCheck(what, summary);
  return reasonsOf(summary).map(({ code, text }) =>
    sentence(`${what}: ${text}`, code === undefined ? [] : [code]),
  );
}

function explainArtifact(what: string, artifact: DigestResult): readonly string[] {
  const { success, launched, name = 'unnamed', digest, index, description, measured } = artifact;
  if (success) return [];
  const hash = digest === undefined ? 'without hash' : `with hash ${toHex(digest)}`;
  const subject = `${what}: ${name} ${hash} (index ${index})`;
  if (!launched) return [sentence(`${subject} is required but was not measured`, [])];
  if (measured !== undefined) return [sentence(`${subject} was measured as ${measured}`, [])];
  const reason = description === undefined ? '' : `: ${description}`;
  return [sentence(`${subject} was measured but matches no reference value${reason}`, [])];
}

function explainRegister({ success, index, digest, measured }: DigestResult): readonly string[] {
  if (success) return [];
  const expected = digest === undefined ? 'nothing' : toHex(digest);
  return [sentence(`PCR ${index}: expected ${expected}, got ${measured ?? 'another value'}`, [])];
}

function sentence(text: string, codes: readonly number[]): string {
  const numbers = codes.length === 0 ? '' : ` (error ${codes.join(', ')})`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${numbers}.`;
}

function printable(text: string): string {
  const safe = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
  return safe.length <= MAX_SENTENCE_LENGTH ? safe : `${safe.slice(0, MAX_SENTENCE_LENGTH)}...`;
}
