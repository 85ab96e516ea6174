import { EstError, type EstErrorCode } from './errors.ts';
import type { HttpsResponse } from './https-request.ts';

const MAX_TEXT_CHARACTERS = 2_048;
const MAX_RETRY_AFTER_MS = 0x7fff_ffff;

/** What an answer with a status other than success says. */
export function statusError(url: URL, response: HttpsResponse): EstError {
  const { status } = response;
  const text = printable(new TextDecoder().decode(response.body));
  const retryAfterMs = status === 202 ? parseRetryAfter(response.retryAfter) : undefined;
  return new EstError(codeOf(status), `${url.href}: ${status} ${text || 'without a reason'}`, {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function codeOf(status: number): EstErrorCode {
  if (status === 202) return 'ERR_EST_PENDING';
  return status === 401 || status === 403 ? 'ERR_EST_UNAUTHORIZED' : 'ERR_EST_REFUSED';
}

/** Time from now that the header says, RFC 9110 section 10.2.3. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** The text comes from another machine and ends up in terminals and logs. */
function printable(text: string): string {
  return text
    .slice(0, MAX_TEXT_CHARACTERS)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
}
