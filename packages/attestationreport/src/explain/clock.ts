import { ErrorCode } from '../error-codes.ts';
import type { AttestationResult, MetadataResult, Result } from '../types/result.ts';
import { parseRfc3339 } from '../verify/rfc3339.ts';
import { NOT_BEFORE_LEEWAY_MS } from '../x509/index.ts';
import { reasonOfCode } from './code-reasons.ts';
import { type Finding, toFinding } from './finding.ts';

const LEEWAY = BigInt(NOT_BEFORE_LEEWAY_MS) * 1_000_000n;
const NANOSECONDS_PER_HOUR = 3_600_000_000_000n;
const HOURS_PER_DAY = 24n;

/**
 * Whether the verifier's own clock is the more likely fault: something is not valid yet, and every
 * metadata item says that it was made later than now.
 */
export function clockFindings(
  { created = '' }: AttestationResult,
  items: readonly MetadataResult[],
): readonly Finding[] {
  const now = parseRfc3339(created);
  const made = items.flatMap(({ version = '' }) => parseRfc3339(version) ?? []);
  if (now === undefined || made.length === 0 || !items.some(isTooEarly)) return [];
  const [oldest] = made.toSorted((a, b) => (a.nanoseconds < b.nanoseconds ? -1 : 1));
  if (oldest === undefined || oldest.nanoseconds - now.nanoseconds <= LEEWAY) return [];
  const hours = (oldest.nanoseconds - now.nanoseconds) / NANOSECONDS_PER_HOUR;
  const late = hours < 2n * HOURS_PER_DAY ? `${hours} hours` : `${hours / HOURS_PER_DAY} days`;
  const what = `all ${made.length} metadata items were made later, the first at ${oldest.text}`;
  return [
    toFinding({
      id: 'verifier-clock',
      severity: 'error',
      path: 'created',
      text: `the verifier's clock says ${now.text}, but ${what}: it is probably ${late} behind or more`,
      expected: `${oldest.text} or later`,
      got: now.text,
    }),
  ];
}

function isTooEarly(item: MetadataResult): boolean {
  const chains = (item.signatureValidation ?? []).map((one) => one.certChainValidation);
  return isNotYetValid(item.validityCheck) || chains.some(isNotYetValid);
}

function isNotYetValid({ errorCodes = [], details }: Result): boolean {
  if (errorCodes.includes(ErrorCode.NotYetValid)) return true;
  return errorCodes.some(
    (code) => reasonOfCode(code, 'metadata', details) === 'signer-certificate-not-yet-valid',
  );
}
