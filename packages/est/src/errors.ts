import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong between a client and an EST server.
 *
 * - `ERR_EST_UNAVAILABLE`: nobody answers, or the connection broke.
 * - `ERR_EST_TIMEOUT`: no complete answer before the deadline.
 * - `ERR_EST_UNTRUSTED`: the certificate of the server is not under the pinned roots, or not for its
 *   name.
 * - `ERR_EST_UNAUTHORIZED`: the server answered 401 or 403.
 * - `ERR_EST_REFUSED`: the server answered another error; the message has its text.
 * - `ERR_EST_PENDING`: the server wants to be asked again later (202).
 * - `ERR_EST_PROTOCOL`: the answer is not what RFC 7030 or its CMC extensions say.
 * - `ERR_EST_LIMIT`: the answer is longer than what is accepted.
 * - `ERR_EST_CA`: the key or certificate of an authority is not one that may issue now.
 * - `ERR_EST_DECRYPT`: encrypted data does not open with this key, or was changed.
 */
export type EstErrorCode =
  | 'ERR_EST_UNAVAILABLE'
  | 'ERR_EST_TIMEOUT'
  | 'ERR_EST_UNTRUSTED'
  | 'ERR_EST_UNAUTHORIZED'
  | 'ERR_EST_REFUSED'
  | 'ERR_EST_PENDING'
  | 'ERR_EST_PROTOCOL'
  | 'ERR_EST_LIMIT'
  | 'ERR_EST_CA'
  | 'ERR_EST_DECRYPT';

export interface EstErrorOptions extends ErrorOptions {
  /** HTTP status of the server. */
  readonly status?: number;
  /** Time after which the server wants to be asked again, ms. */
  readonly retryAfterMs?: number;
}

/** Enrollment failed. */
export class EstError extends CmcError {
  override readonly name = 'EstError';
  declare readonly code: EstErrorCode;
  /** HTTP status of the server, when it answered. */
  readonly status?: number;
  /** Only with `ERR_EST_PENDING`, when the server said it. */
  readonly retryAfterMs?: number;

  constructor(code: EstErrorCode, message: string, options: EstErrorOptions = {}) {
    super(code, message, options);
    if (options.status !== undefined) this.status = options.status;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}
