import { ErrorCode, errorCodeText } from '../error-codes.ts';
import type { AttestationResult } from '../types/result.ts';
import { checkFindings, type DetailLine, detailLines, lineFinding } from './check-findings.ts';
import { clockFindings } from './clock.ts';
import { type Finding, toFinding } from './finding.ts';
import { measurementFindings } from './measurement-findings.ts';
import { metadataFindings, placedItems } from './metadata-findings.ts';
import type { Severity } from './reason.ts';

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
const ORDER: readonly Severity[] = ['error', 'warning', 'note'];

/**
 * Everything that a result says is wrong, or to know: what refuses the report first, in the order in
 * which it was found. At least one error when the result is not one of acceptance; a policy that
 * overwrote leaves the errors that it overwrote.
 */
export function findings(result: AttestationResult): readonly Finding[] {
  const { summary, metadata, freshness, measurements } = result;
  const items = placedItems(metadata);
  const found = [
    ...clockFindings(
      result,
      items.map(({ item }) => item),
    ),
    ...summaryFindings(result, ({ code = 0 }) => FIRST.has(code)),
    ...metadataFindings(metadata),
    ...checkFindings(freshness, {
      what: 'The nonce of the report',
      path: 'freshness',
      area: 'report',
      fallback: 'nonce-mismatch',
    }),
    ...(measurements ?? []).flatMap((one, i) => measurementFindings(one, `measurements[${i}]`)),
    ...summaryFindings(result, ({ code = 0 }) => !FIRST.has(code)),
  ];
  const refused = summary.status !== 'success' && summary.status !== 'warn';
  if (refused && !found.some(({ severity }) => severity === 'error')) found.push(unspecified());
  return ORDER.flatMap((level) => found.filter(({ severity }) => severity === level));
}

function summaryFindings(
  { summary }: AttestationResult,
  isWanted: (line: DetailLine) => boolean,
): readonly Finding[] {
  const place = { what: '', path: 'summary', area: 'report', fallback: 'remark' } as const;
  return detailLines(summary)
    .filter(isWanted)
    .filter(({ code = 0, text }) => !(SUMMING_UP.has(code) && text === errorCodeText(code)))
    .flatMap((line) => {
      // What has no code refuses nothing here.
      const isRemark = line.code === undefined && summary.status === 'fail';
      const isPolicy = line.code === ErrorCode.VerifyPolicies && !/^the policy /.test(line.text);
      const what = isPolicy ? 'The policy' : '';
      return lineFinding({ status: isRemark ? '' : summary.status }, line, { ...place, what });
    });
}

function unspecified(): Finding {
  return toFinding({
    id: 'unspecified',
    severity: 'error',
    path: 'summary',
    text: 'the result does not say what is wrong',
  });
}
