import { ErrorCode } from '../error-codes.ts';
import type { Validity } from '../types/metadata.ts';
import type { Result } from '../types/result.ts';
import { NOT_BEFORE_LEEWAY_MS } from '../x509/index.ts';
import { failed, PASSED } from './findings.ts';
import { type Instant, parseRfc3339 } from './rfc3339.ts';

const LEEWAY_NANOSECONDS = BigInt(NOT_BEFORE_LEEWAY_MS) * 1_000_000n;
const MAX_SHOWN = 40;

/** Whether `now` lies within a period. */
export function checkValidity(validity: Validity, now: Instant): Result {
  const notBefore = parseRfc3339(validity.notBefore);
  const notAfter = parseRfc3339(validity.notAfter);
  if (notBefore === undefined) return notATime('notBefore', validity.notBefore);
  if (notAfter === undefined) return notATime('notAfter', validity.notAfter);
  return checkPeriod({ notBefore, notAfter, now });
}

/** Whether `now` is not before (give or take the leeway) and not after. */
export function checkPeriod(period: {
  readonly notBefore: Instant;
  readonly notAfter?: Instant;
  readonly now: Instant;
}): Result {
  const { notBefore, notAfter, now } = period;
  const expectedBetween = [notBefore.text, notAfter?.text ?? '-'];
  if (notAfter !== undefined && now.nanoseconds > notAfter.nanoseconds) {
    const details = `not valid after ${notAfter.text}, the verifier's clock says ${now.text}`;
    return { ...failed(ErrorCode.Expired, details), got: now.text, expectedBetween };
  }
  const early = notBefore.nanoseconds - now.nanoseconds;
  if (early <= 0n) return PASSED;
  const details = `not valid before ${notBefore.text}, the verifier's clock says ${now.text}`;
  if (early <= LEEWAY_NANOSECONDS) {
    const leeway = `accepted within the leeway of ${NOT_BEFORE_LEEWAY_MS / 1000} s`;
    return { ...PASSED, details: `${details}: ${leeway}` };
  }
  return { ...failed(ErrorCode.NotYetValid, details), got: now.text, expectedBetween };
}

/** Outcome for a time that cannot be read. */
export function notATime(member: string, text: string): Result {
  const got = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
  return failed(
    ErrorCode.ParseTime,
    `${member}: expected an RFC 3339 time, got ${JSON.stringify(got)}`,
  );
}
