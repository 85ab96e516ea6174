import { CmcError } from '@cmc/bytes';

/**
 * What an enrolment that failed means for its key. `refused`: the answer will be the same next
 * time. `temporary`: a certificate may have been issued, and asking again gives it. `local`: it
 * failed on this computer.
 */
export type EnrollmentFailure = 'refused' | 'temporary' | 'local';

const REFUSED = new Set([
  'ERR_ENROLL_REQUEST',
  'ERR_ENROLL_NAME',
  'ERR_ENROLL_RESPONSE',
  'ERR_EST_UNAUTHORIZED',
  'ERR_EST_PROTOCOL',
  'ERR_EST_LIMIT',
]);
const TEMPORARY = new Set(['ERR_EST_UNAVAILABLE', 'ERR_EST_TIMEOUT', 'ERR_EST_PENDING']);
/** RFC 9110: the request took too long; too many requests. */
const TEMPORARY_STATUS = new Set([408, 429]);
const FIRST_SERVER_ERROR = 500;

export function enrollmentFailure(error: unknown): EnrollmentFailure {
  if (!(error instanceof CmcError)) return 'local';
  if (REFUSED.has(error.code)) return 'refused';
  if (TEMPORARY.has(error.code)) return 'temporary';
  if (error.code !== 'ERR_EST_REFUSED') return 'local';
  const status = 'status' in error ? Number(error.status) : 0;
  const passes = status >= FIRST_SERVER_ERROR || TEMPORARY_STATUS.has(status);
  return passes ? 'temporary' : 'refused';
}

/** Pause after so many failures in a row, ms: doubled each time, with jitter, at most an hour. */
export function retryPause(failures: number, random: () => number = Math.random): number {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), MAX_PAUSE_MS);
  return pause * (1 - random() / 2);
}

const FIRST_PAUSE_MS = 2_000;
const MAX_PAUSE_MS: number = 60 * 60_000;
