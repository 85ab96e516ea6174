import { CmcError } from '@cmc/bytes';

/**
 * Why there is no certificate from AMD.
 *
 * - `ERR_KDS_UNAVAILABLE`: it could not be had now: no answer, an answer that is no success, too late.
 * - `ERR_KDS_INVALID`: what came is wrong: no certificate, of another chip or TCB, not under the
 *   pinned root of AMD. Asking again does not help.
 */
export type KdsErrorCode = 'ERR_KDS_UNAVAILABLE' | 'ERR_KDS_INVALID';

export interface KdsErrorOptions extends ErrorOptions {
  /** HTTP status of the service, when it answered. */
  readonly status?: number;
  /** Time after which asking again may help, ms. */
  readonly retryAfterMs?: number;
}

/** A certificate of AMD cannot be had, or is not what it has to be. */
export class KdsError extends CmcError {
  override readonly name = 'KdsError';
  declare readonly code: KdsErrorCode;
  /** HTTP status of the service, when it answered. */
  readonly status?: number;
  /** Only with `ERR_KDS_UNAVAILABLE`. */
  readonly retryAfterMs?: number;

  constructor(code: KdsErrorCode, message: string, options: KdsErrorOptions = {}) {
    super(code, message, options);
    if (options.status !== undefined) this.status = options.status;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}
