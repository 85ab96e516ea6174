import { errorCodeText } from '../error-codes.ts';
import type { Result } from '../types/result.ts';
import { type Area, reasonOfCode } from './code-reasons.ts';
import { type Finding, toFinding } from './finding.ts';
import { reasonOfNote } from './notes.ts';
import type { ReasonId, Severity } from './reason.ts';

/** Where a check stands. */
export interface CheckPlace {
  /** Begins the sentence; empty for the report as a whole. */
  readonly what: string;
  readonly path: string;
  readonly area: Area;
  /** The reason when the check says none. */
  readonly fallback: ReasonId;
}

/** One line of the details of a result. */
export interface DetailLine {
  readonly code?: number;
  readonly text: string;
}

/** `details` has one line per code, preceded by notes; other verifiers keep the last text only. */
export function detailLines({ errorCodes: codes = [], details }: Result): readonly DetailLine[] {
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

/** How bad a check is that ended with `status`; one that was not reached is no fault of its own. */
export function severityOf(status: string): Severity {
  if (status === 'success' || status === '') return 'note';
  return status === 'warn' ? 'warning' : 'error';
}

/** What a check says: a finding per line of its details, none when it passed without a note. */
export function checkFindings(check: Result | undefined, place: CheckPlace): readonly Finding[] {
  if (check === undefined) return [];
  if (check.details === undefined) return withoutDetails(check, place);
  return detailLines(check).flatMap((line) => lineFinding(check, line, place));
}

function withoutDetails(check: Result, place: CheckPlace): readonly Finding[] {
  const { errorCodes: codes = [], status } = check;
  const [first] = codes;
  const severity = severityOf(status);
  if (first === undefined && severity === 'note') return [];
  const { texts, ...values } = comparison(check);
  const meanings = codes.map(errorCodeText);
  // `the manifest is revoked` needs no `got revoked`.
  const isSaid = values.expected === undefined && meanings.join().includes(values.got ?? '');
  const all = [...meanings, ...(isSaid ? [] : texts)];
  const text = all.length === 0 ? 'the check failed' : all.join('; ');
  return [
    toFinding({
      id: first === undefined ? place.fallback : reasonOfCode(first, place.area),
      severity,
      path: place.path,
      text: prefixed(place, text),
      codes,
      ...values,
    }),
  ];
}

/** The finding of one line; none for a line that only repeats another check. */
export function lineFinding(
  check: Result,
  { code, text }: DetailLine,
  place: CheckPlace,
): readonly Finding[] {
  const known = code === undefined ? reasonOfNote(text) : undefined;
  if (known === 'repeats another check') return [];
  const severity = severityOf(check.status);
  const { texts: _, ...values } = comparison(check);
  return [
    toFinding({
      severity,
      path: place.path,
      text: prefixed(place, code === undefined ? text : withMeaning(code, text)),
      ...(code === undefined
        ? { id: severity === 'note' ? 'remark' : place.fallback, ...known }
        : { id: reasonOfCode(code, place.area, text), codes: [code] }),
      ...(values.got === undefined && values.expected === undefined ? valuesIn(text) : values),
    }),
  ];
}

/** A line that tells values, or where bytes are wrong, does not say of what. */
function withMeaning(code: number, text: string): string {
  const isBare = text.startsWith('expected ') || /^\S+@0x[0-9a-f]+: /.test(text);
  return isBare ? `${errorCodeText(code)}: ${text}` : text;
}

function prefixed({ what }: CheckPlace, text: string): string {
  return what === '' ? text : `${what}: ${text}`;
}

interface Comparison {
  readonly texts: readonly string[];
  readonly expected?: string;
  readonly got?: string;
}

function comparison(check: Result): Comparison {
  const { got, expected, expectedOneOf, expectedBetween } = check;
  const [from, to] = expectedBetween ?? [];
  const wanted =
    expected ??
    (expectedOneOf && `one of ${expectedOneOf.join(', ') || 'nothing'}`) ??
    (from && `between ${from} and ${to}`);
  if (wanted === undefined)
    return got === undefined ? { texts: [] } : { texts: [`got ${got}`], got };
  const found = got || 'nothing';
  return { texts: [`expected ${wanted}, got ${found}`], expected: wanted, got: found };
}

/** The values in `…expected A, got B`, the form in which the checks of this package speak. */
function valuesIn(text: string): { readonly expected?: string; readonly got?: string } {
  const at = text.indexOf('expected ');
  const comma = text.lastIndexOf(', got ');
  if (at < 0 || comma < at) return {};
  return {
    expected: text.slice(at + 'expected '.length, comma),
    got: text.slice(comma + ', got '.length),
  };
}
